"""Show what is in a database."""

from __future__ import annotations

import argparse
import json
from typing import Any

from mtg_image_db.cli.console import answer, size_text, table
from mtg_image_db.cli.options import add_db


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_db(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    from mtg_image_db.database.database import Database
    from mtg_image_db.database.info import info_of

    info = info_of(Database.open(arguments.db))
    answer(*([json.dumps(info)] if arguments.json else _lines(info)))
    return 0


def _lines(info: dict[str, Any]) -> list[str]:
    encoder, quality = info["encoder"], info["quality"]
    how = encoder["preprocessing"]
    sets, langs = info["sets"], info["languages"]
    lines = [
        ("faces", f"{info['faces']:,} ({info['entries']:,} distinct vectors)"),
        ("built", f"{info['built']} ({info['age_days']:.1f} days ago)"),
        ("size", size_text(info["bytes"])),
        ("encoder", f"{encoder['model']}, {encoder['dimension']} dimensions"),
        ("weights", encoder["pretrained"]),
        ("input", f"{how['height']}x{how['width']}, {how['fit']}; made in {encoder['precision']}"),
        ("index", f"HNSW M {info['hnsw_m']}, efConstruction {info['hnsw_ef_construction']}"),
        ("quality", f"recall@1 {quality['recall_at_1']:.4f} at efSearch {quality['ef_search']}"),
        ("a search", f"{quality['milliseconds']:.2f} ms"),
        ("languages", _most(langs)),
        (f"{len(sets):,} sets", _most(sets)),
    ]
    return table(("", ""), lines)[1:]


def _most(counts: dict[str, int]) -> str:
    shown = [f"{name or '?'} {count:,}" for name, count in list(counts.items())[:8]]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f", and {more:,} more" if more > 0 else "")
