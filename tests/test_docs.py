"""The documentation says what the program does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import mtg_image_db

ROOT = Path(__file__).resolve().parents[1]


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


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: p.name
)
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
