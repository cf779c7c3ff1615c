"""The build, stage by stage."""

from __future__ import annotations

import tempfile
from dataclasses import replace

from mtg_image_db.building.checkpoint import Checkpoint, Rows
from mtg_image_db.building.encode import choose_tuning, encode_missing, perturbed_queries
from mtg_image_db.building.generation import (
    write_distinct,
    write_manifest,
    write_records_and_printings,
    write_rows,
)
from mtg_image_db.building.graph import write_index
from mtg_image_db.building.inverted import build_inverted
from mtg_image_db.building.options import BuildOptions, BuildSummary
from mtg_image_db.building.plan import Plan, plan_faces
from mtg_image_db.building.reuse import Predecessor
from mtg_image_db.database import parts
from mtg_image_db.database.publication import new_generation, sweep
from mtg_image_db.download.ledger import Ledger
from mtg_image_db.encoders import Encoder, EncoderChoice, Fingerprint, load_encoder
from mtg_image_db.encoders.local_features import MADE_BY, POINT_BYTES, POINTS
from mtg_image_db.errors import EncoderError, NothingUsable
from mtg_image_db.scryfall.snapshot import snapshots
from mtg_image_db.system.files import exclusive, make_folder
from mtg_image_db.system.progress import Progress, Silent

FEATURE_ROWS = Rows("local features", MADE_BY, (POINTS, POINT_BYTES), "uint8")


def vector_rows(fingerprint: Fingerprint) -> Rows:
    """What a checkpoint of an encoder's vectors holds."""
    shape = (fingerprint.dimension,)
    return Rows("vectors", fingerprint.to_json(), shape, "float32", unit=True)


def build_database(
    options: BuildOptions, progress: Progress | None = None, *, encoder: Encoder | None = None
) -> BuildSummary:
    """Build a database of every valid image in the cache, without a network.

    Parameters
    ----------
    encoder
        Use this one instead of loading `options.encoder`.

    Raises
    ------
    MissingInput
        There is no cache.
    NothingUsable
        No image of the cache is wanted and valid.
    EncoderError, StorageError
        See there.
    """
    progress = Silent() if progress is None else progress
    summary = BuildSummary(options.out)

    def waiting(holder: str) -> None:
        progress.note(f"Waiting for another process that holds {options.out}: {holder}")

    found = snapshots(options.cache)
    make_folder(options.out)
    with (
        exclusive(options.out, "build", wait=options.wait, on_wait=waiting),
        tempfile.TemporaryFile(dir=options.out) as spool,
    ):
        with Ledger(options.cache) as ledger:
            plan = plan_faces(options, found, ledger, spool, summary, progress)
        if not plan.faces:
            raise _nothing_usable(options, summary)
        sweep(options.out)
        if encoder is None:
            progress.start("loading the encoder", None, "")
            encoder = load_encoder(options.encoder)
            progress.finish()
        _build(options, plan, encoder, summary, progress)
        if options.onnx and not replace(options.encoder, device="auto").by_onnx:
            _export(encoder, progress)
    return summary


def _export(encoder: Encoder, progress: Progress) -> None:
    """Export an encoder that torch runs, unless that was done before."""
    from mtg_image_db.encoders.exported import export, load_exported
    from mtg_image_db.encoders.openclip import OpenClipEncoder

    if not isinstance(encoder, OpenClipEncoder):
        return
    if load_exported(EncoderChoice(), encoder.fingerprint) is not None:
        return
    progress.start("exporting the encoder", None, "")
    try:
        export(encoder)
    except EncoderError as error:
        progress.note(
            "Queries will import torch, which takes seconds: the encoder could not be exported to "
            f"ONNX ({error.message})."
        )
    progress.finish()


def _build(
    options: BuildOptions, plan: Plan, encoder: Encoder, summary: BuildSummary, progress: Progress
) -> None:
    before = Predecessor.open(options.out, progress)
    summary.replaced = before is not None
    same_encoder = before if before is not None and before.fits(encoder.fingerprint) else None
    vectors, features = _checkpoints(options, encoder, progress)
    by_key = {face.key: face for face in plan.faces}
    known = before.keys if before is not None else {}
    has_features = before is not None and before.has_features
    unencoded = [
        face
        for key, face in by_key.items()
        if key not in vectors and (same_encoder is None or key not in known)
    ]
    undescribed = [
        face
        for key, face in by_key.items()
        if features is not None and key not in features and not (has_features and key in known)
    ]
    missing = list({face.key: face for face in unencoded + undescribed}.values())
    summary.reused = len(by_key) - len(unencoded)
    made_with = vectors.precision or (same_encoder.precision if same_encoder else None)
    if len(unencoded) > summary.reused:
        made_with = None  # a small first build must not decide for a large one
    summary.tuning = choose_tuning(options, unencoded, encoder, made_with)
    vectors.precision = summary.tuning.precision
    checkpoints = [vectors] if features is None else [vectors, features]
    try:
        keys = {face.key for face in unencoded}
        bad = encode_missing(options, missing, keys, encoder, vectors, features, summary, progress)
    finally:
        # Also when interrupted: what is done is kept.
        for checkpoint in checkpoints:
            checkpoint.flush()
    faces = [face for face in plan.faces if face.key not in bad]
    for face in plan.faces:
        if face.key in bad:
            summary.left_out[bad[face.key]] += 1
            summary.invalid.append((plan.label(face), bad[face.key]))
    if not faces:
        raise _nothing_usable(options, summary)
    summary.faces = len(faces)
    if before is not None:
        before.count_changes(plan, faces, summary)
    with new_generation(options.out) as folder:
        write_rows(folder / parts.EMBEDDINGS, faces, vectors, same_encoder)
        if features is not None:
            reused = before if has_features else None
            write_rows(folder / parts.FEATURES, faces, features, reused)
            if options.inverted_index:
                summary.inverted = build_inverted(folder, faces, reused, progress)
        distinct = write_distinct(folder)
        summary.entries = len(distinct.firsts)
        write_records_and_printings(folder, plan, faces)
        queries = perturbed_queries(options.cache, faces, encoder)
        entries = write_index(folder, options, distinct, same_encoder, queries, summary, progress)
        write_manifest(folder, options, encoder, entries, summary)
    for checkpoint in checkpoints:
        checkpoint.discard()


def _checkpoints(
    options: BuildOptions, encoder: Encoder, progress: Progress
) -> tuple[Checkpoint, Checkpoint | None]:
    """What an interrupted build left of vectors and, where they are wanted, of local features."""

    def opened(name: str, rows: Rows) -> Checkpoint:
        return Checkpoint(
            options.out / name,
            rows,
            frequency=options.checkpoint_frequency,
            resume=options.resume,
            progress=progress,
        )

    return opened("checkpoint", vector_rows(encoder.fingerprint)), (
        opened("checkpoint-features", FEATURE_ROWS) if options.local_features else None
    )


def _nothing_usable(options: BuildOptions, summary: BuildSummary) -> NothingUsable:
    if not summary.known and options.kind:
        return NothingUsable(
            f"There is no {options.kind} snapshot in {options.cache}",
            details="--kind names what was downloaded",
            suggestion=f"Run `mtg-db download --kind {options.kind}`, or leave --kind out.",
        )
    reasons = ", ".join(f"{count} {why}" for why, count in summary.left_out.most_common())
    return NothingUsable(
        f"There is no valid image to embed in {options.cache}",
        details=reasons or "the snapshots have no faces",
        suggestion="Run `mtg-db download`; check --kind, --set, --lang and --limit.",
    )
