"""The build, stage by stage."""

from __future__ import annotations

import tempfile

from mtg_image_db.build.encode import choose_tuning, encode_missing, perturbed_queries
from mtg_image_db.build.generation import (
    write_distinct,
    write_manifest,
    write_records_and_printings,
    write_vectors,
)
from mtg_image_db.build.graph import write_index
from mtg_image_db.build.options import BuildOptions, BuildSummary
from mtg_image_db.build.plan import Plan, plan_faces
from mtg_image_db.build.reuse import Predecessor
from mtg_image_db.checkpoint import Checkpoint
from mtg_image_db.download.ledger import Ledger
from mtg_image_db.encoders import Encoder, load_encoder
from mtg_image_db.errors import NothingUsable
from mtg_image_db.files import exclusive, make_folder
from mtg_image_db.progress import Progress, Silent
from mtg_image_db.publication import new_generation, sweep
from mtg_image_db.scryfall.snapshot import snapshots


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
    return summary


def _build(
    options: BuildOptions, plan: Plan, encoder: Encoder, summary: BuildSummary, progress: Progress
) -> None:
    before = Predecessor.open(options.out, progress)
    summary.replaced = before is not None
    same_encoder = before if before is not None and before.fits(encoder.fingerprint) else None
    checkpoint = Checkpoint(
        options.out / "checkpoint",
        encoder.fingerprint,
        frequency=options.checkpoint_frequency,
        resume=options.resume,
        progress=progress,
    )
    by_key = {face.key: face for face in plan.faces}
    missing = [
        face
        for key, face in by_key.items()
        if key not in checkpoint and (same_encoder is None or key not in same_encoder.keys)
    ]
    summary.reused = len(by_key) - len(missing)
    made_with = checkpoint.precision or (same_encoder.precision if same_encoder else None)
    if len(missing) > summary.reused:
        made_with = None  # a small first build must not decide for a large one
    summary.tuning = choose_tuning(options, missing, encoder, made_with)
    checkpoint.precision = summary.tuning.precision
    try:
        bad = encode_missing(
            options, missing, encoder, summary.tuning.batch, checkpoint, summary, progress
        )
    finally:
        # Also when interrupted: what is encoded is kept.
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
        dimension = encoder.fingerprint.dimension
        write_vectors(folder, faces, dimension, checkpoint, same_encoder)
        distinct = write_distinct(folder)
        summary.entries = len(distinct.firsts)
        write_records_and_printings(folder, plan, faces)
        queries = perturbed_queries(options.cache, faces, encoder)
        entries = write_index(folder, options, distinct, same_encoder, queries, summary, progress)
        write_manifest(folder, options, encoder, entries, summary)
    checkpoint.discard()


def _nothing_usable(options: BuildOptions, summary: BuildSummary) -> NothingUsable:
    reasons = ", ".join(f"{count} {why}" for why, count in summary.left_out.most_common())
    return NothingUsable(
        f"There is no valid image to embed in {options.cache}",
        details=reasons or "the snapshots have no faces",
        suggestion="Run `mtg-db download`; check --kind, --set, --lang and --limit.",
    )
