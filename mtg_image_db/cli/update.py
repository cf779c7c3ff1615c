"""Download what is new and build the database from it: download and build in one.

Takes the options of both. Vectors of images that have not changed are reused.
"""

from __future__ import annotations

import argparse

from mtg_image_db.cli import build, download
from mtg_image_db.cli.console import say


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
    encoder = build.options_of(arguments).encoder
    if not encoder.by_onnx:
        from mtg_image_db.encoders.openclip import resolve_weights

        # Check this before gigabytes are fetched, not after.
        resolve_weights(encoder)
    code = download.run(arguments, build_follows=True)
    if code not in (0, 4) or arguments.dry_run:
        return code
    say()
    # The build covers the whole cache: the download's filters do not narrow it.
    everything = argparse.Namespace(**vars(arguments))
    everything.kind = everything.limit = None
    everything.set = everything.lang = frozenset()
    built = build.run(everything)
    return built or code
