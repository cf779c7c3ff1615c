"""Completions, asked of the shells themselves."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from mtg_image_db.cli import main
from mtg_image_db.cli.parser import COMMANDS

EXPECTED = [
    (["q"], {"query"}),
    (["query", "--paper"], {"--paper-only"}),
    (["query", "--device", ""], {"auto", "cpu", "cuda", "mps"}),
    (["build", "--precision", "f"], {"fp32", "fp16"}),
    (["scan", "--to", "m"], {"moxfield", "manabox", "mtga"}),
    (["completion", ""], {"bash", "zsh", "fish"}),
    (["query", "--db", ""], {"folder"}),
    (["query", "--pretrained", ""], {"folder", "photo.jpg"}),
    (["query", "-k", "3", "p"], {"photo.jpg"}),
    ([""], set(COMMANDS)),
]
IN_BASH = """\
source ../scripts/completion.bash
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
words=($(complete -p mtg-db))
for i in "${!words[@]}"; do [ "${words[i]}" = -F ] && "${words[i + 1]}"; done
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def place(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Path:
    """A folder with a picture, a folder and the script of a shell that is here."""
    if shutil.which(request.param) is None:
        pytest.skip(f"there is no {request.param} here")
    assert main(["completion", request.param]) == 0
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / f"completion.{request.param}"
    script.write_text(capsys.readouterr().out, encoding="utf-8")
    (tmp_path / "here" / "folder").mkdir(parents=True)
    (tmp_path / "here" / "photo.jpg").touch()
    return tmp_path / "here"


def output(command: list[str], place: Path) -> list[str]:
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("place", ["bash"], indirect=True)
def test_bash_completes(place: Path) -> None:
    for words, expected in EXPECTED:
        shown = output(["bash", "--norc", "-c", IN_BASH, "bash", "mtg-db", *words], place)
        assert set(shown) == expected, words


@pytest.mark.parametrize("place", ["fish"], indirect=True)
def test_fish_completes(place: Path) -> None:
    for words, expected in EXPECTED:
        asked = f"source ../scripts/completion.fish; complete -C 'mtg-db {' '.join(words)}'"
        shown = output(["fish", "--no-config", "-c", asked], place)
        assert {line.split("\t")[0].rstrip("/") for line in shown} == expected, words


@pytest.mark.skipif(os.name == "nt", reason="a POSIX terminal")
@pytest.mark.parametrize("place", ["zsh"], indirect=True)
def test_zsh_completes(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pty

    monkeypatch.setenv("TERM", "dumb")
    (place.parent / "scripts" / "completion.zsh").rename(place.parent / "scripts" / "_mtg-db")
    ours, theirs = pty.openpty()
    command = ["zsh", "-f", "-i"]
    with subprocess.Popen(command, cwd=place, stdin=theirs, stdout=theirs, stderr=theirs) as shell:
        os.close(theirs)
        try:
            _complete_in_zsh(ours)
        finally:
            shell.kill()
            os.close(ours)


def _complete_in_zsh(terminal: int) -> None:
    begin = "fpath=(../scripts $fpath); autoload -U compinit; compinit -u -D; echo rea''dy\n"
    _type(terminal, begin, until="ready")
    for words, expected in EXPECTED:
        # Where there is one only, it stands in the line.
        if len(expected) == 1:
            whole = " ".join(["mtg-db", *words[:-1], *expected])
            _type(terminal, f"mtg-db {' '.join(words)}\t", until=whole)
            _type(terminal, "\x15echo do''ne\n", until="done")


def _type(terminal: int, keys: str, until: str) -> None:
    """Type, and wait until something is shown."""
    os.write(terminal, keys.encode())
    shown, end = "", time.monotonic() + 30
    while until not in shown:
        assert time.monotonic() < end, f"{until!r} did not come: {shown!r}"
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 4096).decode("utf-8", "replace")


def test_an_unknown_shell_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "csh"]) == 1
    assert "SHELL must be one of bash, zsh, fish" in capsys.readouterr().err
