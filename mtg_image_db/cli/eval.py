"""Measure how well labelled photos are recognised."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mtg_image_db.cli.arguments import json_file, output_folder
from mtg_image_db.cli.bars import Bars
from mtg_image_db.cli.console import answer, counted, say, table
from mtg_image_db.cli.options import add_cache, add_db, add_device
from mtg_image_db.errors import NothingUsable
from mtg_image_db.system.outputs import write_json_output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mtg_image_db.evaluation.fit import ThresholdFit
    from mtg_image_db.evaluation.scores import PhotoResult, Share


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    text = "a CSV file that says which cards each photo shows (docs/evaluation.md)"
    add("labels", type=Path, metavar="LABELS.csv", help=text)
    text = "a CSV file that says for some cards whether their artwork is in the database"
    add("--truth", type=Path, metavar="FILE.csv", help=text)
    text = "write all figures and answers to a file"
    add("--json", type=json_file("--json"), metavar="FILE.json", help=text)
    text = "write a page of all errors, with pictures, to a folder"
    add("--report", type=output_folder("--report"), metavar="FOLDER", help=text)
    text = "also show the evidence of right and wrong answers, and thresholds fitted to it"
    add("--fit", action="store_true", help=text)
    add_db(parser)
    add_cache(parser, "the image cache, for telling printings apart")
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate."""
    from mtg_image_db.database.database import Database
    from mtg_image_db.evaluation.fit import fit
    from mtg_image_db.evaluation.labels import plain_name, read_labels
    from mtg_image_db.evaluation.report import PAGE, refuse_other_files, write_report
    from mtg_image_db.evaluation.scores import evaluate, to_json

    if arguments.report:
        refuse_other_files(arguments.report)
    database = Database.open(arguments.db, device=arguments.device, cache=arguments.cache)
    known = {plain_name(face.name) for face in database.faces()}
    photos = read_labels(arguments.labels, arguments.truth, known)
    if unread := [one for photo in photos for one in photo.unread]:
        how_many = counted(len(unread), "printing")
        say(f"{how_many} in {arguments.labels} cannot be read. They count as unknown. The first:")
        say(f"{unread[0]}.")
    _ = database.encoder  # if it cannot be loaded, fail before any photo is opened
    outcomes = evaluate(database, photos, Bars())
    broken = sum(bool(outcome.error) for outcome in outcomes)
    if broken == len(outcomes):
        raise NothingUsable(
            "No photo could be read",
            details=f"{counted(broken, 'photo')} in {arguments.labels}",
            suggestion="Put the photos beside the labels, as JPEG or PNG.",
        )
    _print_figures(outcomes)
    if arguments.fit:
        _print_fit(fit(outcomes))
    if broken:
        say(f"{broken} of {counted(len(outcomes), 'photo')} could not be read.")
    if arguments.json:
        write_json_output(arguments.json, to_json(outcomes))
        say(f"All figures and answers: {arguments.json}")
    if arguments.report:
        failed = write_report(outcomes, arguments.report)
        say(f"{counted(failed, 'photo')} with errors: {arguments.report / PAGE}")
    return 0


def _print_figures(outcomes: Sequence[PhotoResult]) -> None:
    from mtg_image_db.evaluation.scores import by_kind, figures, milliseconds, read_figures

    for kind, some in by_kind(outcomes).items():
        _print_shares(f"{kind}: {counted(len(some), 'photo')}", figures(some))
    for height, shares in read_figures(outcomes).items():
        where = "" if height == "all" else f", cards {height} pixels high"
        if any(share.of for share in shares.values()):
            _print_shares(f"read on the cards{where}", shares)
    times = milliseconds(outcomes).items()
    rows_ = [(stage, f"{middle:.1f}", f"{mean:.1f}") for stage, (middle, mean) in times]
    answer(*table(("milliseconds a photo", "median", "mean"), rows_, right=(1,)))


def _print_shares(head: str, shares: Mapping[str, Share]) -> None:
    rows = [(name.replace("_", " "), str(share)) for name, share in shares.items() if share.of]
    answer(*table((head, "count, share (95 % interval)"), rows), "")


def _print_fit(fitted: ThresholdFit) -> None:
    counts = (fitted.right, fitted.wrong)
    most = max(fitted.wrong, default=0) + 1
    rows = [(str(n), *(str(some[n]) for some in counts)) for n in range(most)]
    above = (str(sum(some[n] for n in some if n >= most)) for some in counts)
    rows.append((f"{most} or more", *above))
    answer("", *table(("points", "right answers", "wrong"), rows, right=(1,)))
    answer(f"not counted, refused for another reason than their points: {fitted.refused}", "")
    rows = [
        (f"{level.points} (margin {level.margin})", str(level.wrong), str(level.kept))
        for level in fitted.levels
    ]
    answer("Fitted on one half of the photos, tried on the other; then the other way round:")
    answer(*table(("points", "answers that are wrong", "right answers kept"), rows))
