"""Download what is new and build the database from it: download and build in one.

Takes the options of both. Vectors of images that have not changed are reused.
"""

from __future__ import annotations

import argparse

from mtg_image_db.cli import build, download
from mtg_image_db.cli.bars import Bars
from mtg_image_db.cli.console import say
from mtg_image_db.download.options import DownloadSummary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of download, and those of build that download does not have."""
    download.add_arguments(parser)
    already = {name for action in parser._actions for name in action.option_strings}  # noqa: SLF001
    other = argparse.ArgumentParser(add_help=False)
    build.add_arguments(other)
    for action in other._actions:  # noqa: SLF001
        if not already.intersection(action.option_strings):
            parser._add_action(action)  # noqa: SLF001


def check(arguments: argparse.Namespace) -> list[str]:
    """Check rules that involve two arguments."""
    return build.check(arguments)


def run(arguments: argparse.Namespace) -> int:
    """Download, then build."""
    from mtg_image_db.building.update import update_database

    options = download.options_of(arguments)

    def downloaded(summary: DownloadSummary) -> None:
        download.print_summary(summary, options, build_follows=summary.usable)
        download.write_report(summary, options, arguments)
        say()

    done = update_database(options, build.options_of(arguments), Bars(), on_downloaded=downloaded)
    code = download.exit_code(done.downloaded, strict=arguments.strict)
    if done.built is None:
        return code
    build.print_summary(done.built, arguments.cache)
    return build.exit_code(done.built, strict=arguments.strict) or code
