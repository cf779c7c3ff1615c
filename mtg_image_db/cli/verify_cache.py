"""Read and decode every cached image again."""

from __future__ import annotations

import argparse

from mtg_image_db.cli.bars import Bars
from mtg_image_db.cli.console import command, counted, say
from mtg_image_db.cli.options import add_cache, add_no_wait, add_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_cache(parser)
    parser.add_argument(
        "--fix",
        action="store_true",
        help="remove invalid files, so that the next download fetches them again",
    )
    add_report(parser, "every invalid file")
    add_no_wait(parser)


def run(arguments: argparse.Namespace) -> int:
    """Verify."""
    from mtg_image_db.download.verify import verify_cache
    from mtg_image_db.system.outputs import write_json_output

    report = verify_cache(
        arguments.cache, fix=arguments.fix, wait=not arguments.no_wait, progress=Bars()
    )
    if arguments.report:
        write_json_output(arguments.report, report.to_json())
        say(f"Report: {arguments.report}")
    invalid = len(report.invalid)
    say(f"{counted(report.total, 'image')}: {report.total - invalid:,} valid, {invalid:,} invalid.")
    for file in report.invalid[:10]:
        say(f"  - {file.filename} ({file.size_bytes:,} bytes): {file.reason}")
    if invalid > 10:
        say(f"  - and {invalid - 10:,} more; --report FILE lists all")
    if invalid and report.fixed:
        say(f"They are removed. Next: {command('download', cache=arguments.cache)}")
    elif invalid:
        say(f"Next: {command('verify-cache --fix', cache=arguments.cache)}, then mtg-db download")
    return 1 if invalid else 0
