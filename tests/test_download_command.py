"""`mtg-db download`, `build` and `update`, as users type them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import card_id, make_card, make_images, mtg_db

from mtg_image_db.scryfall_double import faults
from mtg_image_db.scryfall_double.double import ScryfallDouble


def test_when_every_image_fails_the_exit_code_is_2(double: ScryfallDouble, tmp_path: Path) -> None:
    double.inject("/cards/", faults.not_found(times=None))
    command = ("download", "--kind", "default_cards", "--api-url", double.url)
    done = mtg_db(*command, cwd=tmp_path)
    assert done.returncode == 2
    assert "failed       12  HTTP 404" in done.stderr
    assert "and 2 more" in done.stderr
    done = mtg_db("build", cwd=tmp_path)
    assert done.returncode == 2
    assert "ERROR: Nothing usable: " in done.stderr


def test_some_failures_fail_only_under_strict(double: ScryfallDouble, tmp_path: Path) -> None:
    double.inject(card_id(1), faults.not_found(times=None))
    command = ("download", "--kind", "default_cards", "--api-url", double.url)
    assert mtg_db(*command, cwd=tmp_path).returncode == 0
    done = mtg_db(*command, "--strict", cwd=tmp_path)
    assert done.returncode == 4
    assert "Requested 12 faces: 11 cached, 0 downloaded, 1 failed, 0 skipped." in done.stderr


def test_the_server_may_be_named_by_the_environment(double: ScryfallDouble, tmp_path: Path) -> None:
    done = mtg_db(
        *["download", "--limit", "0"], cwd=tmp_path, environment={"MTG_DB_API_URL": double.url}
    )
    assert done.returncode == 0
    assert "Nothing was requested" in done.stderr
    done = mtg_db("download", cwd=tmp_path, environment={"MTG_DB_API_URL": "nonsense"})
    assert done.returncode == 1
    assert "--api-url must be a URL" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="there is no /proc")
def test_a_folder_that_cannot_be_written_is_a_clear_error(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    # Nobody can make folders there, root included.
    command = ("download", "--api-url", double.url, "--cache", "/proc/nowhere")
    done = mtg_db(*command, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("ERROR: Storage: Cannot ")
    (tmp_path / "file").touch()
    done = mtg_db("download", "--api-url", double.url, "--cache", "file", cwd=tmp_path)
    assert "--cache file is a file, not a folder" in done.stderr


@pytest.mark.parametrize("kind", ["unique_artwork", "default_cards"])
@pytest.mark.parametrize("limit", [(), ("--limit", "1")])
def test_a_set_or_language_that_nothing_has_is_named_before_any_image(
    tmp_path: Path, kind: str, limit: tuple[str, ...]
) -> None:
    cards = [make_card(0, set="fin"), make_card(1, set="fic"), make_card(2, set="tst", lang="ja")]
    with ScryfallDouble(cards, make_images(3)) as double:
        command = ("download", "--kind", kind, "--api-url", double.url, *limit)
        done = mtg_db(*command, "--set", "FIN,fix", "--lang", "en,jp,ja", cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr.startswith("ERROR: Invalid arguments:\n")
        assert "  - no card here has the set fix: do you mean fin or fic?\n" in done.stderr or (
            "  - no card here has the set fix: do you mean fic or fin?\n" in done.stderr
        )
        assert "  - no card here has the language jp: do you mean ja?\n" in done.stderr
        assert ("the kind default_cards has every printing" in done.stderr) == (
            kind == "unique_artwork"
        )
        assert double.requests_to("/cards/") == []
        # The last one of the snapshot, whatever --limit.
        assert mtg_db(*command, "--set", "FIN,tst", "--dry-run", cwd=tmp_path).returncode == 0


def test_a_dry_run_fetches_what_it_counts_and_nothing_else(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    done = mtg_db("download", "--dry-run", "--api-url", double.url, cwd=tmp_path)
    assert "12 to download" in done.stderr
    [descriptor, file] = [request.path for request in double.requests]
    assert descriptor == "/bulk-data/unique_artwork"
    assert file.startswith("/file/")


def test_update_says_what_is_next_once(double: ScryfallDouble, tmp_path: Path) -> None:
    done = mtg_db("update", "--api-url", double.url, "--no-local-features", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    following = [line for line in done.stderr.splitlines() if "Next:" in line]
    assert following == ["Next: mtg-db query PHOTO"]
    again = mtg_db("download", "--api-url", double.url, cwd=tmp_path)
    assert again.stderr.splitlines()[-1] == "Next: mtg-db build"


def test_a_403_is_not_told_as_tried_again(double: ScryfallDouble, tmp_path: Path) -> None:
    command = ("download", "--workers", "1", "--api-url", double.url)
    double.inject("/cards/", faults.status(403, times=None))
    done = mtg_db(*command, cwd=tmp_path)
    assert done.returncode == 2
    assert "(HTTP 403): these requests are not retried in this run." in done.stderr
    assert "trying again" not in done.stderr
    assert len(double.requests_to("/cards/")) == 12
    double.inject("/bulk-data/", faults.status(403, times=None))
    done = mtg_db(*command, "--refresh", cwd=tmp_path)
    assert "retrying now does not help" in done.stderr
    assert "Check the connection" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="there is no limit of files")
def test_too_many_workers_for_the_limit_of_files_say_so(tmp_path: Path) -> None:
    images = make_images(12)
    cards = [make_card(n) for n in range(120)]
    everything = {f"{card_id(n)}/front": images[f"{card_id(n % 12)}/front"] for n in range(120)}
    with ScryfallDouble(cards, everything) as double:
        double.inject("/cards/", faults.slow(2.0, times=None))
        command = f"{sys.executable} -m mtg_image_db download --api-url {double.url} --workers 128"
        done = subprocess.run(
            ["bash", "-c", f"ulimit -n 64; exec {command}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 1
    assert "ERROR: Storage: Too many files are open" in done.stderr
    assert "Use fewer workers" in done.stderr
    assert "owner" not in done.stderr
    assert "Traceback" not in done.stderr
