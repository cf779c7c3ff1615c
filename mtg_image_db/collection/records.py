"""Sightings, answers and assumptions as bytes, for a collection file."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, cast, get_args

from mtg_image_db.collection.answer import Answer
from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.collection.seen import Sighting
from mtg_image_db.database.answers import Match
from mtg_image_db.errors import InvalidArguments
from mtg_image_db.reading.answer import (
    PrintingAnswer,
    PrintingCandidate,
    PrintingVerdict,
    Reading,
)
from mtg_image_db.recognise.verdict import Verdict
from mtg_image_db.scryfall.faces import CardFace
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.system.files import parse_json

_MOST = 1 << 24
"""Bytes of the largest sighting that is read: a hundred times the largest seen. By hand."""

WRONG = (
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
    *(zlib.error, InvalidArguments),
)
"""What reading bytes that somebody else wrote, or that were damaged, may raise."""


def sighting_bytes(one: Sighting) -> bytes:
    """What was seen of a card, without pictures; the reverse of `read_sighting`."""
    table: dict[Printing, int] = {}

    def number(printing: Printing) -> int:
        return table.setdefault(printing, len(table))

    read = one.printing
    record = {
        "verdict": one.verdict,
        "matches": [
            {
                "rank": match.rank,
                "score": match.score,
                "image": match.image,
                "face": match.face.record(),
                "printings": [number(printing) for printing in match.printings],
            }
            for match in one.matches
        ],
        "printing": {
            "verdict": read.verdict,
            "candidates": [[number(each.printing), each.probability] for each in read.candidates],
            "finish": [read.finish.value, read.finish.probability],
            "lang": [read.lang.value, read.lang.probability],
            "reasons": read.reasons,
            "strip": read.strip,
        },
        "place": one.place,
        "quad": one.quad,
        "by_title": one.by_title,
        # Several matches name the same printings.
        "printings": [printing.record() for printing in table],
    }
    return zlib.compress(json.dumps(record, separators=(",", ":")).encode())


def read_sighting(data: bytes) -> Sighting:
    """What was seen of a card, of no photo; raises one of `WRONG` if the bytes hold no sighting."""
    unpacker = zlib.decompressobj()
    record = parse_json(unpacker.decompress(data, _MOST))
    printings = [Printing.from_record(each) for each in record["printings"]]
    read = record["printing"]
    return Sighting(
        "",
        0,
        cast("Verdict", _word(record["verdict"], Verdict)),
        tuple(
            Match(
                int(each["rank"]),
                float(each["score"]),
                CardFace.from_record(each["face"]),
                tuple(printings[number] for number in each["printings"]),
                image=int(each["image"]),
            )
            for each in record["matches"]
        ),
        place=_point(record["place"]),
        printing=PrintingAnswer(
            cast("PrintingVerdict", _word(read["verdict"], PrintingVerdict)),
            tuple(PrintingCandidate(printings[n], float(share)) for n, share in read["candidates"]),
            Reading(str(read["finish"][0]), float(read["finish"][1])),
            Reading(str(read["lang"][0]), float(read["lang"][1])),
            tuple(map(str, read["reasons"])),
            tuple(filter(None, map(_point, read["strip"]))),
        ),
        quad=tuple(filter(None, map(_point, record["quad"]))),
        # Older files do not say so: no card was named by its title then.
        by_title=bool(record.get("by_title")),
    )


def answer_text(said: Answer | None) -> str | None:
    """An answer as JSON; the reverse of `read_answer`."""
    if said is None:
        return None
    named = said.printing.record() if said.printing else None
    return json.dumps({**vars(said), "printing": named})


def read_answer(text: str | None) -> Answer | None:
    """The answer in a text; raises one of `WRONG` if it holds none."""
    if text is None:
        return None
    record = parse_json(text.encode())
    named = record.pop("printing")
    return Answer(Printing.from_record(named) if named else None, **record)


def assumptions_text(assumed: Assumptions) -> str:
    """What is assumed of all cards, as JSON; the reverse of `read_assumptions`."""
    return json.dumps({**vars(assumed), "sets": sorted(assumed.sets)})


def read_assumptions(text: str) -> Assumptions:
    """The assumptions in a text; raises one of `WRONG` if it holds none."""
    record: Mapping[str, Any] = parse_json(text.encode())
    return Assumptions(**{**record, "sets": frozenset(record["sets"])})


def read_cells(text: str | None) -> Mapping[str, str]:
    """The cells of a line, as JSON; raises one of `WRONG` if the text holds none."""
    record: Mapping[str, str] = parse_json((text or "{}").encode())
    return {str(name): str(value) for name, value in record.items()}


def _word(value: object, words: object) -> str:
    if value not in get_args(words):
        raise ValueError(f"{value!r} is none of {get_args(words)}")
    return str(value)


def _point(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    x, y = value
    return float(x), float(y)
