"""Which folder may import which: the way of the data, and no way back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import mtg_image_db

ROOT = Path(mtg_image_db.__file__).parent
MAY_IMPORT = {
    "errors": "",
    "system": "errors",
    "net": "errors system",
    "scryfall": "errors system net",
    "pictures": "errors system net",
    "download": "errors system net scryfall pictures",
    "encoders": "errors system pictures",
    "index": "errors system encoders",
    "recognise": "errors system pictures encoders",
    "reading": "errors system scryfall pictures encoders",
    "postgres": "errors system scryfall index",
    "database": "errors system scryfall pictures download encoders index recognise reading "
    "postgres",
    "building": "errors system scryfall pictures download encoders index database",
    "pages": "errors system net scryfall pictures download recognise database",
    "collection": "errors system scryfall pictures recognise reading database pages",
    "evaluation": "errors system scryfall pictures recognise reading database pages",
    "export": "errors system scryfall database",
    "serving": "errors system scryfall download postgres database collection",
    "scryfall_double": "",
    "demo": "errors system scryfall download database building pages scryfall_double",
    "cli": "errors system scryfall pictures download encoders index reading postgres database "
    "building pages collection evaluation export serving demo",
}
"""Each folder, in the order of the data, and those it may import: all stand before it."""


def imports() -> Iterator[tuple[str, str, str]]:
    """Each import of one folder by another: who, whom, and where."""
    for path in sorted(ROOT.rglob("*.py")):
        where = path.relative_to(ROOT)
        owner = where.parts[0] if len(where.parts) > 1 else where.stem
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom):
                module = node.module or ""
                names = [f"{module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                package, _, rest = name.partition(".")
                target = rest.partition(".")[0]
                if package == "mtg_image_db" and target not in (owner, "__version__"):
                    yield owner, target, f"{where}: {name}"


def test_every_folder_has_its_place() -> None:
    found = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert found | {"errors"} == set(MAY_IMPORT)


def test_no_folder_imports_one_that_comes_after_it() -> None:
    order = list(MAY_IMPORT)
    for owner, others in MAY_IMPORT.items():
        for other in others.split():
            assert order.index(other) < order.index(owner), f"{owner} may import {other}"


def test_folders_import_only_what_they_may() -> None:
    wrong = [
        where
        for owner, target, where in imports()
        # These two open the house: the public names, and `python -m`.
        if owner not in ("__init__", "__main__") and target not in MAY_IMPORT[owner].split()
    ]
    assert wrong == []


def test_no_permission_is_given_that_nobody_uses() -> None:
    used = {(owner, target) for owner, target, _ in imports()}
    given = {(owner, other) for owner, others in MAY_IMPORT.items() for other in others.split()}
    assert given - used == set()
