"""Records in files, reached by number or by key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtg_image_db.system.records import Records, write_records


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), max_size=20))
def test_records_come_back_by_number(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("records") / "x.jsonl"
    assert write_records(path, lines) == len(lines)
    records = Records(path)
    assert [records.line(number) for number in range(len(records))] == [
        line + b"\n" for line in lines
    ]


def test_a_sorted_file_of_records_is_searched_by_key(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    keys = [f"{n:03d}" for n in range(0, 200, 2)]
    write_records(path, (json.dumps({"id": key}).encode() for key in keys))
    records = Records(path)
    assert all(records.find("id", key) == {"id": key} for key in keys)
    assert records.find("id", "003") is None
    assert records.find("id", "zzz") is None


_CODES = st.sampled_from(["fin", "lea", "en", 'a"b', "\udcff"])


_WORDS = st.text(st.sampled_from('"\\:set fin,[{é'), max_size=20)


@given(
    st.lists(st.fixed_dictionaries({"set": _CODES, "lang": _CODES, "name": _WORDS}), max_size=8),
    st.dictionaries(st.sampled_from(["set", "lang"]), st.sets(_CODES)),
    st.sampled_from([(",", ":"), (", ", ": ")]),
)
def test_no_record_that_may_be_wanted_is_left_out_and_none_that_cannot_is_kept(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[dict[str, str]],
    allowed: dict[str, set[str]],
    separators: tuple[str, str],
) -> None:
    path = tmp_path_factory.mktemp("records") / "x.jsonl"
    write_records(path, (json.dumps(r, separators=separators).encode() for r in records))
    assert Records(path).possible(allowed) == [
        number
        for number, record in enumerate(records)
        # Of a value with something escaped nothing is known.
        if all(
            record[k] in values or "\\" in json.dumps(record[k]) for k, values in allowed.items()
        )
    ]
