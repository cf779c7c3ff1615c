"""The build, stage by stage."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import IO

from mtg_image_db.building.checkpoint import Checkpoint, Rows
from mtg_image_db.building.encode import (
    choose_tuning,
    encode_missing,
    perturbed_queries,
    seconds_to_encode,
)
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
from mtg_image_db.building.reuse import Changes, Predecessor, Work, divide_work
from mtg_image_db.database import parts
from mtg_image_db.database.publication import new_generation, sweep
from mtg_image_db.download.ledger import Ledger
from mtg_image_db.encoders import Encoder, EncoderChoice, Fingerprint, load_encoder, wrong_encoder
from mtg_image_db.encoders.local_features import MADE_BY, POINT_BYTES, POINTS
from mtg_image_db.encoders.named import remember
from mtg_image_db.encoders.probe import LEAST_IMAGES
from mtg_image_db.errors import EncoderError, NothingUsable
from mtg_image_db.scryfall.snapshot import snapshots
from mtg_image_db.system.checks import check, wrong_kind
from mtg_image_db.system.files import make_folder, storage_errors
from mtg_image_db.system.locks import exclusive
from mtg_image_db.system.progress import Progress, listener
from mtg_image_db.system.texts import about

FEATURE_ROWS = Rows("local features", MADE_BY, (POINTS, POINT_BYTES), "uint8")


def vector_rows(fingerprint: Fingerprint) -> Rows:
    """The kind of rows in a checkpoint of an encoder's vectors."""
    shape = (fingerprint.dimension,)
    return Rows("vectors", fingerprint.to_json(), shape, "float32", unit=True)


def build_database(
    options: BuildOptions, progress: Progress | None = None, *, encoder: Encoder | None = None
) -> BuildSummary:
    """Build a database from every valid image in the cache, without a network.

    Parameters
    ----------
    encoder
        Use this one instead of loading `options.encoder`.

    Raises
    ------
    MissingInput
        The cache does not exist.
    NothingUsable
        No image in the cache is wanted and valid.
    EncoderError, StorageError
        The encoder cannot be used, or the disk cannot be written.
    """
    check(
        wrong_kind("options", options, BuildOptions),
        None if encoder is None else wrong_encoder(encoder),
    )
    progress = listener(progress)

    def waiting(holder: str) -> None:
        progress.note(f"Waiting for another process that holds {options.out}: {holder}")

    found = snapshots(options.cache)
    make_folder(options.out)
    with (
        exclusive(options.out, "build", wait=options.wait, on_wait=waiting),
        _spool(options.out) as spool,
    ):
        with Ledger(options.cache) as ledger:
            plan = plan_faces(options, found, ledger, spool, progress)
        if not plan.faces:
            raise _nothing_usable(options, plan.left_out)
        sweep(options.out)
        if encoder is None:
            progress.start("loading the encoder", None, "")
            encoder = load_encoder(options.encoder)
            remember(options.encoder, encoder.fingerprint)
            progress.finish()
        summary = _build(options, plan, encoder, progress)
        if options.onnx and not replace(options.encoder, device="auto").by_onnx:
            _export(encoder, progress)
    return summary


@contextmanager
def _spool(folder: Path) -> Iterator[IO[bytes]]:
    """A temporary file in a folder: the system's own folder may be too small or missing."""
    with storage_errors(folder):
        spool = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed below
    try:
        yield spool
    finally:
        with suppress(OSError):  # a full disk was already reported by a write
            spool.close()


def _export(encoder: Encoder, progress: Progress) -> None:
    """Export an encoder that torch runs, unless this was done before."""
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


def _build(options: BuildOptions, plan: Plan, encoder: Encoder, progress: Progress) -> BuildSummary:
    before = Predecessor.open(options.out, progress)
    vectors, features = _checkpoints(options, encoder, progress)
    work = divide_work(plan, before, encoder.fingerprint, vectors, features)
    tuning = choose_tuning(options, work.unencoded, encoder, _made_with(work, vectors))
    vectors.precision = tuning.precision
    _say_how_long(options, work, encoder, progress)
    checkpoints = [vectors] if features is None else [vectors, features]
    try:
        encoding = encode_missing(options, work, encoder, tuning, vectors, features, progress)
    finally:
        # Also after an interruption: finished work is kept.
        for checkpoint in checkpoints:
            checkpoint.flush()
    faces = [face for face in plan.faces if face.key not in encoding.bad]
    lost = [(plan.label(f), encoding.bad[f.key]) for f in plan.faces if f.key in encoding.bad]
    left_out = Counter(plan.left_out) + Counter(reason for _, reason in lost)
    if not faces:
        raise _nothing_usable(options, left_out)
    changes = Changes() if before is None else before.changes(plan, faces)
    with new_generation(options.out) as folder:
        write_rows(folder / parts.EMBEDDINGS, faces, vectors, work.vectors_from)
        inverted = False
        if features is not None:
            write_rows(folder / parts.FEATURES, faces, features, work.features_from)
            if options.inverted_index:
                inverted = build_inverted(folder, faces, work.features_from, progress)
        distinct = write_distinct(folder)
        write_records_and_printings(folder, plan, faces)
        queries = perturbed_queries(options.cache, faces, encoder)
        index = write_index(folder, options, distinct, work.vectors_from, queries, progress)
        summary = BuildSummary(
            out=options.out,
            faces=len(faces),
            entries=len(distinct.firsts),
            tuning=tuning,
            quality=index.quality,
            encoded=encoding.encoded,
            reused=work.reused,
            replaced=before is not None,
            new=changes.new,
            changed=changes.changed,
            refreshed=changes.refreshed,
            gone=changes.gone,
            extended=index.extended,
            inverted=inverted,
            left_out=MappingProxyType(left_out),
            invalid=(*plan.invalid, *lost),
            rows=plan.rows,
        )
        write_manifest(folder, options, encoder, index.entries, summary)
    for checkpoint in checkpoints:
        checkpoint.discard()
    return summary


def _say_how_long(options: BuildOptions, work: Work, encoder: Encoder, progress: Progress) -> None:
    missing, described = work.unencoded, options.local_features
    if len(missing) < LEAST_IMAGES:
        return
    seconds = seconds_to_encode(options.cache, missing, encoder, described=described)
    if seconds is not None:
        progress.note(
            f"{len(missing):,} images to encode: {about(seconds)} on this machine, and then some "
            "minutes for the index."
        )


def _made_with(work: Work, vectors: Checkpoint) -> str | None:
    """The precision of the reused vectors, if the new ones are to have the same."""
    if len(work.unencoded) > work.reused:
        return None  # a small first build must not decide for a large one
    return vectors.precision or (work.vectors_from.precision if work.vectors_from else None)


def _checkpoints(
    options: BuildOptions, encoder: Encoder, progress: Progress
) -> tuple[Checkpoint, Checkpoint | None]:
    """The checkpoints of an interrupted build: vectors and, if wanted, local features."""

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


def _nothing_usable(options: BuildOptions, left_out: Mapping[str, int]) -> NothingUsable:
    if not left_out and options.kind:
        return NothingUsable(
            f"There is no {options.kind} snapshot in {options.cache}",
            details="kind must name a downloaded snapshot",
            suggestion=f"Run `mtg-db download --kind {options.kind}`, or give no kind.",
        )
    reasons = ", ".join(f"{count} {why}" for why, count in Counter(left_out).most_common())
    return NothingUsable(
        f"There is no valid image to embed in {options.cache}",
        details=reasons or "the snapshots have no faces",
        suggestion="Run `mtg-db download`; check the kind, sets, languages and limit.",
    )
