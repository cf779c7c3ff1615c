"""Build the database from the cached images, without a network.

An interrupted build continues where it stopped. The old database stays in use until the new one is
complete.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from mtg_image_db.building.options import (
    BATCH,
    HNSW_M,
    MOST_EF_CONSTRUCTION,
    BuildOptions,
    BuildSummary,
    wrong_checkpoint_frequency,
)
from mtg_image_db.cli.arguments import Choice, auto_or, image_size, integer
from mtg_image_db.cli.bars import Bars
from mtg_image_db.cli.console import command, counted, say, size_text
from mtg_image_db.cli.options import (
    add_cache,
    add_device,
    add_filters,
    add_limit,
    add_no_wait,
    add_out,
    add_strict,
)
from mtg_image_db.encoders import (
    DEFAULT_MODEL,
    DEFAULT_PRETRAINED,
    INPUT_SIDE,
    PRECISIONS,
    EncoderChoice,
)
from mtg_image_db.encoders.preprocessing import FITS
from mtg_image_db.scryfall.faces import FaceFilter
from mtg_image_db.scryfall.kinds import KINDS
from mtg_image_db.system.checks import wrong_integer

if TYPE_CHECKING:
    from mtg_image_db.index.quality import Quality


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add_cache(parser)
    add_out(parser)
    add(
        "--kind",
        type=Choice("--kind", KINDS),
        metavar="KIND",
        help="only faces of this snapshot: " + ", ".join(KINDS) + " (all in the cache)",
    )
    add_limit(parser)
    add_filters(parser)
    add(
        "--model",
        default=DEFAULT_MODEL,
        help="the package's own encoder, or an open_clip model (%(default)s)",
    )
    add(
        "--pretrained",
        default=DEFAULT_PRETRAINED,
        metavar="TAG|FILE",
        help="its weights: those in the package, a tag that open_clip fetches once, or a file "
        "(%(default)s)",
    )
    add(
        "--size",
        type=image_size("--size", *INPUT_SIDE),
        metavar="N|HxW",
        help="input size in pixels, at least 64 (the encoder's own)",
    )
    add(
        "--fit",
        type=Choice("--fit", FITS),
        metavar="pad|squash",
        help="pad keeps the card's shape, squash stretches it (the encoder's own)",
    )
    add_device(parser)
    add(
        "--batch",
        type=auto_or(integer("--batch", *BATCH)),
        metavar="N|auto",
        help="images encoded at once (auto: find the fastest)",
    )
    add(
        "--precision",
        type=Choice("--precision", ("auto", *PRECISIONS)),
        default="auto",
        metavar="auto|fp32|bf16|fp16",
        help="precision of the encoder (auto: that of reused vectors, or else the fastest whose "
        "vectors agree with fp32)",
    )
    add(
        "--hnsw-m",
        type=integer("--hnsw-m", *HNSW_M),
        default=32,
        metavar="M",
        help="links of a node in the index, 4 to 128 (%(default)s)",
    )
    add(
        "--hnsw-ef-construction",
        type=integer("--hnsw-ef-construction", HNSW_M[0], MOST_EF_CONSTRUCTION),
        default=200,
        metavar="N",
        help="candidates examined for each link, M to 2000 (%(default)s)",
    )
    add(
        "--checkpoint-frequency",
        type=integer("--checkpoint-frequency", 0),
        default=500,
        metavar="N",
        help="images between checkpoints, at least 100; 0 writes none (%(default)s)",
    )
    add(
        "--no-local-features",
        action="store_true",
        help="store no local features: saves 12 KB per face, but verdicts use the score alone",
    )
    add(
        "--no-inverted-index",
        action="store_true",
        help="do not index the local features: saves 5 KB per face, but misses cards without an "
        "outline (half covered, in a hand)",
    )
    add(
        "--no-onnx",
        action="store_true",
        help="do not export an open_clip encoder to ONNX; queries then import torch, which takes "
        "seconds",
    )
    add("--no-resume", action="store_true", help="ignore the results of an interrupted build")
    add_strict(parser, "some images were invalid")
    add_no_wait(parser)


def check(arguments: argparse.Namespace) -> list[str]:
    """Check rules that involve two arguments."""
    problems: list[str | None] = []
    m, ef_construction = arguments.hnsw_m, arguments.hnsw_ef_construction
    if isinstance(m, int) and isinstance(ef_construction, int):
        name = "--hnsw-ef-construction"
        problems.append(wrong_integer(name, ef_construction, m, MOST_EF_CONSTRUCTION))
    frequency = arguments.checkpoint_frequency
    if isinstance(frequency, int):
        problems.append(wrong_checkpoint_frequency("--checkpoint-frequency", frequency))
    if arguments.out == arguments.cache:
        problems.append("--out and --cache must be two folders")
    return [problem for problem in problems if problem is not None]


def run(arguments: argparse.Namespace) -> int:
    """Build."""
    from mtg_image_db.building.run import build_database

    summary = build_database(options_of(arguments), Bars())
    print_summary(summary, arguments.cache)
    return exit_code(summary, strict=arguments.strict)


def options_of(arguments: argparse.Namespace) -> BuildOptions:
    """The build options from the arguments."""
    return BuildOptions(
        cache=arguments.cache,
        out=arguments.out,
        kind=arguments.kind,
        wanted=FaceFilter(arguments.set, arguments.lang, include_digital=True),
        limit=arguments.limit,
        encoder=EncoderChoice(
            model=arguments.model,
            pretrained=arguments.pretrained,
            size=arguments.size,
            fit=arguments.fit,
            device=arguments.device,
        ),
        batch=arguments.batch,
        precision=None if arguments.precision == "auto" else arguments.precision,
        hnsw_m=arguments.hnsw_m,
        hnsw_ef_construction=arguments.hnsw_ef_construction,
        local_features=not arguments.no_local_features,
        inverted_index=not arguments.no_inverted_index,
        onnx=not arguments.no_onnx,
        checkpoint_frequency=arguments.checkpoint_frequency,
        resume=not arguments.no_resume,
        wait=not arguments.no_wait,
    )


def exit_code(summary: BuildSummary, *, strict: bool) -> int:
    """The exit code of a build."""
    return 4 if strict and summary.invalid else 0


def print_quality(quality: Quality) -> None:
    """Print the recall of the index, and warn if it is too low."""
    chosen = quality.chosen
    say(
        f"Index: recall@1 {chosen.recall_at_1:.4f}, recall@10 {chosen.recall_at_10:.4f} on "
        f"{quality.queries:,} perturbed vectors at efSearch {chosen.ef_search}, "
        f"{chosen.milliseconds:.2f} ms a search, {size_text(quality.index_bytes)}."
    )
    if not quality.enough:
        say(
            "WARNING: that is less than 0.999. A larger --hnsw-m or --hnsw-ef-construction finds "
            "more; so does query --ef-search."
        )


def print_summary(summary: BuildSummary, cache: Path) -> None:
    """Print how many faces are in the database, how many are left out and why, and what to do."""
    rows = summary.rows
    if rows.broken or rows.blank:
        say(f"Snapshots: {rows.broken} broken and {rows.blank} blank lines left out.")
    left_out = summary.known - summary.faces
    say(
        f"The snapshots have {counted(summary.known, 'face')}: {summary.faces:,} in the database, "
        f"{left_out:,} left out."
    )
    for why, count in Counter(summary.left_out).most_common():
        say(f"  left out {count:>7,}  {why}")
    for label, why in summary.invalid[:10]:
        say(f"  - {label}: {why}")
    if len(summary.invalid) > 10:
        say(f"  - and {len(summary.invalid) - 10:,} more")
    if summary.invalid:
        say(f"Invalid images are fetched again by `{command('download --verify', cache=cache)}`.")
    if summary.replaced:
        say(
            f"Compared with the previous database: {summary.new:,} new, {summary.changed:,} with "
            f"another image, {summary.refreshed:,} with other data, {summary.gone:,} gone."
        )
    if summary.encoded:
        say(f"Encoded in {summary.tuning.precision}, {summary.tuning.batch} images at once.")
    say(
        f"{counted(summary.encoded, 'image')} encoded, {summary.reused:,} reused; "
        f"{counted(summary.entries, 'distinct vector')} indexed"
        + (" (the index was extended)." if summary.extended else ".")
    )
    print_quality(summary.quality)
    say(f"Next: {command('query PHOTO', db=summary.out)}")
