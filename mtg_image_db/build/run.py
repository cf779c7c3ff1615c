"""The build, stage by stage."""

from __future__ import annotations

from mtg_image_db.build.encode import encode_missing
from mtg_image_db.build.generation import write_generation
from mtg_image_db.build.options import BuildOptions, BuildSummary
from mtg_image_db.build.plan import plan_faces
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
    with Ledger(options.cache) as ledger:
        plan, printings = plan_faces(options, found, ledger, summary, progress)
    if not plan:
        raise _nothing_usable(options, summary)
    make_folder(options.out)
    with exclusive(options.out, "build", wait=options.wait, on_wait=waiting):
        sweep(options.out)
        if encoder is None:
            progress.start("loading the encoder", None, "")
            encoder = load_encoder(options.encoder)
            progress.finish()
        checkpoint = Checkpoint(
            options.out / "checkpoint",
            encoder.fingerprint,
            frequency=options.checkpoint_frequency,
            resume=options.resume,
            progress=progress,
        )
        try:
            bad = encode_missing(options, plan, encoder, checkpoint, summary, progress)
        finally:
            # Also when interrupted: what is encoded is kept.
            checkpoint.flush()
        kept = [face for face in plan if face.key not in bad]
        for face in plan:
            if face.key in bad:
                summary.left_out[bad[face.key]] += 1
                summary.invalid.append((face.label, bad[face.key]))
        if not kept:
            raise _nothing_usable(options, summary)
        summary.faces = len(kept)
        with new_generation(options.out) as folder:
            write_generation(
                folder, options, kept, printings, encoder, checkpoint, summary, progress
            )
        checkpoint.discard()
    return summary


def _nothing_usable(options: BuildOptions, summary: BuildSummary) -> NothingUsable:
    reasons = ", ".join(f"{count} {why}" for why, count in summary.left_out.most_common())
    return NothingUsable(
        f"There is no valid image to embed in {options.cache}",
        details=reasons or "the snapshots have no faces",
        suggestion="Run `mtg-db download`; check --kind, --set, --lang and --limit.",
    )
