from __future__ import annotations

import re
from pathlib import Path

from conftest import mtg_db
from PIL import Image


def test_the_demo_goes_the_whole_way_offline(tmp_path: Path) -> None:
    done = mtg_db("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "asks to slow down (HTTP 429)" in done.stderr
    assert "failed        1  HTTP 404" in done.stderr
    folder = tmp_path / "mtg-db-demo"
    with Image.open(folder / "contact_sheet.png") as sheet:
        assert sheet.width > 1000
    photos = sorted((folder / "photos").glob("*.jpg"))
    assert len(photos) >= 60
    assert any(photo.stem.endswith("-foil") for photo in photos)
    heights = []
    for photo in photos:
        with Image.open(photo) as picture:
            heights.append(picture.height)
    assert sum(height > 500 for height in heights) > 30
    told = re.findall(r"named on +(\d+) of them, rightly on +(\d+)", done.stderr + done.stdout)
    assert len(told) == 4
    (exact, exact_right), _, (finish, finish_right), (lang, lang_right) = (
        map(int, both) for both in told
    )
    assert (exact_right, finish_right, lang_right) == (exact, finish, lang)
    assert exact >= 58
    assert finish >= 35
    *_, last = done.stderr.splitlines()
    index, cache = "mtg-db-demo/index_out", "mtg-db-demo/image_cache"
    assert last == f"  mtg-db serve --db {index} --cache {cache} --open"
    asked = mtg_db("query", photos[0], "--db", folder / "index_out", cwd=tmp_path)
    assert asked.stdout.splitlines()[1].startswith("printing: ")


def test_the_demo_touches_no_folder_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    done = mtg_db("demo", "--folder", "mine", cwd=tmp_path)
    assert done.returncode == 1
    assert "is not empty, and was not made by a demo" in done.stderr
