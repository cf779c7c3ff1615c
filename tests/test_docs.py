"""The documentation says what the program does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from conftest import fill_cache, make_card, make_images, make_picture

import mtg_image_db
from mtg_image_db.scryfall_double.double import ScryfallDouble

ROOT = Path(__file__).resolve().parents[1]


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_RUN = "<!-- Not run by the tests: "
"""Before a block of Python; the reason follows."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database and pictures, named as the documentation names them."""
    folder = tmp_path_factory.mktemp("docs")
    with ScryfallDouble([make_card(n, set="fin") for n in range(6)], make_images(6)) as double:
        fill_cache(double, folder / "image_cache")
    options = mtg_image_db.BuildOptions(cache=folder / "image_cache", out=folder / "index_out")
    mtg_image_db.build_database(options)
    for name in ("card.jpg", "table.jpg"):
        make_picture(3).save(folder / name, quality=90)
    return folder


def python_blocks() -> list[tuple[str, str]]:
    """Name and text of each block of Python that is not marked as not run."""
    fence = re.compile(r"([^\n]*)\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [
        (f"{page.name}-{number}", block[2])
        for page in PAGES
        for number, block in enumerate(fence.finditer(page.read_text("utf-8")))
        if not block[1].startswith(NOT_RUN)
    ]


@pytest.mark.parametrize(("name", "code"), python_blocks(), ids=lambda text: text.split("\n")[0])
def test_python_in_the_documentation_runs(
    home: Path, name: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    exec(compile(code, name, "exec"), {"__name__": name})  # noqa: S102


def test_no_python_of_the_documentation_is_overlooked() -> None:
    shown = "".join(page.read_text("utf-8") for page in PAGES)
    assert shown.count("```python") == len(python_blocks()) + shown.count(NOT_RUN)


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
