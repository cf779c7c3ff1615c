from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from conftest import make_card
from hypothesis import given
from hypothesis import strategies as st

from mtg_image_db.errors import SnapshotError
from mtg_image_db.scryfall.rows import RowCount, read_rows, split_array


def _write(path: Path, lines: list[bytes]) -> Path:
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    return path


def test_blank_and_broken_lines_are_counted_and_the_others_read(tmp_path: Path) -> None:
    good = json.dumps(make_card(1)).encode()
    lines = [good, b"", b"   ", b'{"id":', b"[1]", b'{"id": "../../etc"}', b"\xff\xfe", good]
    count = RowCount()
    cards = list(read_rows(_write(tmp_path / "x.gz", lines), count))
    assert len(cards) == count.good == 2
    assert (count.blank, count.broken) == (2, 4)
    assert count.first_broken[0] == "line 4: no valid JSON"


def test_deeply_nested_json_is_a_broken_line_and_nothing_worse(tmp_path: Path) -> None:
    count = RowCount()
    assert list(read_rows(_write(tmp_path / "x.gz", [b"[" * 200_000]), count)) == []
    assert count.broken == 1


@pytest.mark.parametrize("damage", ["truncate", "flip", "text"])
def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "x.gz"
    whole = gzip.compress(json.dumps(make_card(1)).encode() * 50)
    broken = {
        "truncate": whole[: len(whole) // 2],
        "flip": whole[:40] + bytes(b ^ 0xFF for b in whole[40:60]) + whole[60:],
        "text": b"<html>not gzip</html>",
    }[damage]
    path.write_bytes(broken)
    with pytest.raises(SnapshotError, match="cannot be read") as caught:
        list(read_rows(path))
    assert "--refresh" in caught.value.suggestion


words = st.text(max_size=5)
objects = st.lists(
    st.dictionaries(words, words | st.integers() | st.lists(words, max_size=3), max_size=3),
    max_size=5,
)


@given(objects, st.integers(1, 40), st.sampled_from([None, 1]))
def test_an_array_cut_anywhere_gives_its_objects(
    values: list[dict[str, object]], step: int, indent: int | None
) -> None:
    text = json.dumps(values, ensure_ascii=False, indent=indent).encode()
    pieces = [text[i : i + step] for i in range(0, len(text), step)]
    assert [json.loads(line) for line in split_array(pieces)] == values


@pytest.mark.parametrize("text", [b"", b"{}", b"[{}", b"[{}] x", b"\xff[", b'[{"a":"'])
def test_what_is_no_whole_array_is_refused(text: bytes) -> None:
    with pytest.raises(SnapshotError):
        list(split_array([text]))
