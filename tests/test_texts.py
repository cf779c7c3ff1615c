"""Tables and lists as spreadsheets and editors save them, and cells that those leave alone."""

from __future__ import annotations

import csv
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import json_lines, mtg_db
from hypothesis import assume, given
from hypothesis import strategies as st

from mtg_image_db import InvalidArguments
from mtg_image_db.evaluation.labels import read_labels
from mtg_image_db.pictures.inputs import listed
from mtg_image_db.system.texts import cell, read_table, uncelled

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
LINE_ENDS = ("\n", "\r\n", "\r")
WORDS = st.text(
    st.one_of(
        st.sampled_from("=+-@;,\t\r\n'\" éü\uff1d"), st.characters(blacklist_categories=["Cs"])
    ),
    max_size=12,
).filter(lambda text: "\0" not in text)


def saved(
    rows: list[list[str]], encoding: str, end: str, separator: str, *, says: bool = False
) -> bytes:
    """A table as a spreadsheet saves it; `says` its separator on a first line."""
    stream = io.StringIO(newline="")
    stream.write(f"sep={separator}{end}" if says else "")
    # Python, unlike spreadsheets, quotes only the line ends that it writes itself.
    breaks = any(end in text for row in rows for text in row for end in "\r\n")
    csv.writer(
        stream,
        delimiter=separator,
        lineterminator=end,
        quoting=csv.QUOTE_ALL if breaks else csv.QUOTE_MINIMAL,
    ).writerows(rows)
    return stream.getvalue().encode(encoding)


@given(
    st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=3),
    st.sampled_from(ENCODINGS),
    st.sampled_from(LINE_ENDS),
    st.sampled_from(",;\t"),
    st.booleans(),
)
def test_a_table_is_the_same_however_it_was_saved(
    tmp_path_factory: pytest.TempPathFactory,
    cells: list[tuple[str, str]],
    encoding: str,
    end: str,
    separator: str,
    says: bool,
) -> None:
    rows = [[a, b] for a, b in cells if (a + b).strip()]
    try:
        data = saved([["id", "answer"], *rows], encoding, end, separator, says=says)
    except UnicodeEncodeError:
        assume(False)
    # Some words of two letters are one letter in UTF-8.
    assume(encoding != "cp1252" or data.isascii() or not _is_utf8(data))
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_bytes(data)
    columns, found = read_table(path)
    assert columns == ("id", "answer")
    assert [[row["id"], row["answer"]] for _, row in found] == rows


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_lines_are_numbered_as_an_editor_counts_them(tmp_path: Path) -> None:
    for end in LINE_ENDS:
        text = end.join(('"sep=;"', "", "file;names", "a.jpg;A", ";", "b.jpg", ""))
        (tmp_path / "t.csv").write_bytes(text.encode("utf-16"))
        columns, rows = read_table(tmp_path / "t.csv")
        assert columns == ("file", "names")
        assert rows == [(4, {"file": "a.jpg", "names": "A"}), (6, {"file": "b.jpg", "names": ""})]


@pytest.mark.parametrize("data", [b"\xff\xfea", b"\xef\xbb\xbf\xff", b"id,answer\r\n\x81,1"])
def test_what_is_no_text_is_refused_with_the_remedy(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(InvalidArguments, match=r"t.csv is not text .* as UTF-8"):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_labels_are_read_as_a_spreadsheet_saves_them(
    tmp_path: Path, encoding: str, separator: str
) -> None:
    for end in LINE_ENDS:
        rows = [["file", "names", "kind"], ["tisch.jpg", "Lim-Dûl's Vault|Fire // Ice", "several"]]
        truth = [["file", "name", "artwork"], ["tisch.jpg", "Lim-Dûl's Vault", "different"]]
        for name, table in (("labels.csv", rows), ("truth.csv", truth)):
            (tmp_path / name).write_bytes(saved(table, encoding, end, separator))
        known = {"lim-dul's vault", "fire"}
        [photo] = read_labels(tmp_path / "labels.csv", tmp_path / "truth.csv", known)
        assert (photo.file, photo.kind) == ("tisch.jpg", "several")
        assert [(one.name, one.known, one.present) for one in photo.cards] == [
            ("Lim-Dûl's Vault", True, False),
            ("Fire // Ice", True, True),
        ]


def test_a_photo_has_one_line_of_labels(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    lines = ("file,names", "a.jpg,A", "b.jpg,A", "./a.jpg,B", f"{tmp_path}/x/../b.jpg,B")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    with pytest.raises(InvalidArguments) as raised:
        read_labels(tmp_path / "labels.csv", None, ())
    first, second = raised.value.problems
    assert "line 4: ./a.jpg is already in line 2: name all its cards there" in first
    assert "line 5: " in second
    assert "b.jpg is already in line 3" in second


@pytest.mark.parametrize("encoding", ENCODINGS[:-1])
@pytest.mark.parametrize("end", LINE_ENDS)
def test_a_list_is_the_same_however_it_was_saved(encoding: str, end: str) -> None:
    # Some letters hold bytes that are line ends elsewhere.
    names = ["grün.jpg", "ĊģഊA\u0d0d.jpg", "C:\\scans\\3.jpg"]
    for last in ("", end, 2 * end):
        data = (end.join(names) + last).encode(encoding)
        assert list(listed(io.BytesIO(data))) == names
        # As it comes from a slow writer, a byte at a time.
        with os.fdopen(_pipe_of(data), "rb") as stream:
            assert list(listed(stream)) == names


def _pipe_of(data: bytes) -> int:
    """The end of a pipe from which each byte comes on its own."""
    there, here = os.pipe()
    process_end = os.fdopen(here, "wb", buffering=0)

    def write() -> None:
        with process_end:
            for byte in data:
                process_end.write(bytes([byte]))

    ThreadPoolExecutor(1).submit(write)
    return there


def test_names_that_are_no_text_are_what_the_file_system_has() -> None:
    data = b"d\xe4tei.jpg\r\n\xff\xe4.jpg\n"
    assert list(map(os.fsencode, listed(io.BytesIO(data)))) == [b"d\xe4tei.jpg", b"\xff\xe4.jpg"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
@pytest.mark.parametrize("end", LINE_ENDS)
def test_a_line_is_there_before_the_next_is_written(encoding: str, end: str) -> None:
    there, here = os.pipe()
    with os.fdopen(there, "rb") as stream, os.fdopen(here, "wb", buffering=0) as writer:
        lines = listed(stream)
        with ThreadPoolExecutor(1) as reader:
            try:
                for name in ("a.jpg", "b.jpg", "c.jpg"):
                    writer.write(f"{name}{end}".encode(encoding))
                    assert reader.submit(next, lines, "").result(timeout=60) == name
            finally:
                writer.close()


def test_a_list_from_windows_is_answered(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    for end in ("\r\n", "\r"):
        path.write_bytes(end.join(("card7.jpg", "nowhere.jpg")).encode("utf-16"))
        done = mtg_db("query", "--paths-from", path, "--json", cwd=home)
        first, second = json_lines(done.stdout)
        assert (first["query"], "cards" in first) == ("card7.jpg", True)
        assert (second["query"], second["error"]) == ("nowhere.jpg", "there is no such file")


@given(WORDS)
def test_a_cell_is_taken_back_and_begins_no_formula(text: str) -> None:
    written = cell(text)
    assert uncelled(written) == text
    for separator in ";\t\r\n":
        for part in written.split(separator):
            assert not part.lstrip(' "').startswith(
                ("=", "@", "\uff1d", "\uff20", "\t", "\r", "\n")
            )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t'=1"),
        ("\rx", "'\rx"),
        ("\uff1d1", "'\uff1d1"),
        (" =1", " '=1"),
        ('"=1', "\"'=1"),
        ("a;=1", "a;'=1"),
        ("a\n=1", "a\n'=1"),
        ("'=1", "''=1"),
        ("+2 Mace (x)", "'+2 Mace (x)"),
    ],
)
def test_what_would_be_computed_gets_an_apostrophe(text: str, written: str) -> None:
    assert cell(text) == written
    assert uncelled(written) == text


@pytest.mark.parametrize(
    "text", ["-0.1", "12", "+2 Mace", "_____", "LEA 161", "Half-Orc, Half-", "a=b", "'tis", ""]
)
def test_what_nothing_computes_stays_as_it_is(text: str) -> None:
    assert cell(text) == uncelled(text) == text
