"""The documentation says what the program does."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import fill_cache, jpeg
from PIL import Image
from served import Server

import mtg_image_db
from mtg_image_db.demo.cards import sample_cards
from mtg_image_db.pictures.opening import open_picture
from mtg_image_db.scryfall_double.double import ScryfallDouble

ROOT = Path(__file__).resolve().parents[1]


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PYTHON = ROOT / "docs" / "python.md"
"""A page whose blocks follow each other like the cells of a notebook; others stand alone."""
NOT_RUN = "<!-- Not run by the tests: "
"""Before a block of Python; the reason follows."""
SCRYFALL = "https://api.scryfall.com"
SERVED = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def double() -> Iterator[ScryfallDouble]:
    """A few invented cards, as a set that the documentation names."""
    cards = [({**one.card, "set": "fin"}, one.faces[0]) for one in sample_cards(5)]
    images = {f"{card['id']}/front": jpeg(picture) for card, picture in cards}
    with ScryfallDouble([card for card, _ in cards], images) as double:
        yield double


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, double: ScryfallDouble) -> Path:
    """A database and pictures, named as the documentation names them."""
    folder = tmp_path_factory.mktemp("docs")
    cache = fill_cache(double, folder / "image_cache")
    mtg_image_db.build_database(mtg_image_db.BuildOptions(cache=cache, out=folder / "index_out"))
    pictures = [open_picture(path) for path in sorted(cache.glob("images/*/*.jpg"))]
    pictures[0].save(folder / "card.jpg", quality=60)
    table = Image.new("RGB", (1600, 1000), "#6b5138")
    table.paste(pictures[1], (150, 150))
    table.paste(pictures[2], (900, 200))
    table.save(folder / "table.jpg", quality=90)
    return folder


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    """The server that the documentation talks to."""
    with Server(home, home / "collection.sqlite") as server:
        yield server


def python_blocks(page: Path) -> list[str]:
    """Each block of Python that is not marked as not run, at the line where the page has it."""
    text = page.read_text("utf-8")
    fence = re.compile(r"([^\n]*)\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [
        "\n" * text.count("\n", 0, block.start(2)) + block[2]
        for block in fence.finditer(text)
        if not block[1].startswith(NOT_RUN)
    ]


NOTEBOOKS = [
    (f"{page.name}-{number}", page, cells)
    for page in PAGES
    for number, cells in enumerate(
        [python_blocks(page)] if page == PYTHON else [[block] for block in python_blocks(page)]
    )
]


@pytest.mark.parametrize(
    ("page", "cells"), [rest for _, *rest in NOTEBOOKS], ids=[name for name, *_ in NOTEBOOKS]
)
def test_python_in_the_documentation_runs(
    home: Path,
    double: ScryfallDouble,
    page: Path,
    cells: list[str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.chdir(home)
    names = {"__name__": page.stem}
    for cell in cells:
        code = cell.replace(SCRYFALL, double.url)
        if SERVED in code:
            code = code.replace(SERVED, request.getfixturevalue("server").url)
        exec(compile(code, str(page), "exec"), names)  # noqa: S102


def test_no_python_of_the_documentation_is_overlooked() -> None:
    shown = "".join(page.read_text("utf-8") for page in PAGES)
    run = sum(len(cells) for _, _, cells in NOTEBOOKS)
    assert shown.count("```python") == run + shown.count(NOT_RUN)


def test_the_command_reference_is_fresh() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate_cli.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    stored = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert stored == generate.page(), "run: python docs/generate_cli.py"


def test_every_argument_has_help() -> None:
    rows = re.findall(r"^\| (`.*) \|$", (ROOT / "docs" / "cli.md").read_text(), re.MULTILINE)
    assert len(rows) > 40
    assert not [row for row in rows if row.rstrip("| ").endswith("`")]


def test_the_public_names_are_those_in_all() -> None:
    for name in mtg_image_db.__all__:
        assert getattr(mtg_image_db, name) is not None
    with pytest.raises(AttributeError):
        _ = mtg_image_db.no_such_name


def test_every_public_name_has_an_example() -> None:
    shown = set(re.findall(r"\w+", "".join(python_blocks(PYTHON))))
    assert set(mtg_image_db.__all__) - shown == set()


def test_the_readme_holds_both_commands_of_a_fresh_machine() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    prefix = "python3 -m venv .venv && . .venv/bin/activate && pip install "
    commands = [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]
    assert commands == [". && mtg-db demo", "-e '.[test]' && pytest"]


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_every_option_the_readme_names_exists() -> None:
    known = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    foreign = {"--torch-backend", "--version", "--max-old-space-size"}
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - foreign
    assert [option for option in sorted(named) if f"`{option}`" not in known] == []
