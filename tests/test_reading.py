"""What a card says of its printing: texts, likelihoods, places, and the decision."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtg_image_db.reading.identify import Seen, identify, read_surely
from mtg_image_db.reading.printed import Printed, printed
from mtg_image_db.reading.reader import ALPHABET, Lines, log_probability
from mtg_image_db.reading.strip import ACROSS, COPYRIGHT, LINES, cut_strip, where
from mtg_image_db.scryfall.printing import Printing

CARD = ((0.0, 0.0), (630.0, 0.0), (630.0, 880.0), (0.0, 880.0))


def printing(code: str, number: str, released: str = "2025-06-13", **more: Any) -> Printing:
    record = {
        "scryfall_id": f"{code}-{number}",
        "oracle_id": "same",
        "set": code,
        "collector_number": number,
        "released_at": released,
        "finishes": ["nonfoil", "foil"],
        "lang": "en",
        "frame": "2015",
        **more,
    }
    return Printing.from_record(record)


def logs(text: str, sure: float = 0.999, places: int = 40) -> NDArray[np.float32]:
    """Log-probabilities as of a line that says a text, with blanks between the characters."""
    classes = len(ALPHABET) + 1
    shares = np.full((places, classes), (1 - sure) / (classes - 1))
    for place in range(places):
        letter = text[place // 2 : place // 2 + 1] if place % 2 else ""
        shares[place, ALPHABET.index(letter) + 1 if letter else 0] = sure
    return np.asarray(np.log(shares), dtype=np.float32)


def strip(mark: str, shift: int = 0) -> NDArray[np.uint8]:
    """Two lines of bars for letters, with a small or a large mark behind the third of each."""
    pixels = np.full((64, 160), 20, np.uint8)
    for middle in (21, 37):
        for left in (30, 42, 54, 82, 93):
            pixels[middle - 5 : middle + 5, left : left + 6] = 230
    size = {"•": 2, "★": 4}.get(mark, 0)
    pixels[37 - size : 37 + size, 72 - size : 72 + size] = 230
    return np.roll(pixels, shift, axis=(0, 1))


def lines(upper: str, lower: str, sure: float = 0.999, shift: int = 0) -> Lines:
    return Lines(logs(upper, sure), logs(lower, sure), strip(lower[3:4], shift))


_EVEN = np.full((40, len(ALPHABET) + 1), -np.log(len(ALPHABET) + 1), np.float32)
UNREADABLE = Lines(_EVEN, _EVEN, strip(""))


def collapsed(path: tuple[int, ...]) -> str:
    return "".join(ALPHABET[code - 1] for code, _ in itertools.groupby(path) if code)


@given(
    st.lists(st.lists(st.floats(0.01, 1), min_size=4, max_size=4), min_size=1, max_size=5),
    st.text("012", max_size=3),
)
def test_the_probability_of_a_text_is_the_sum_over_all_ways_to_write_it(
    weights: list[list[float]], text: str
) -> None:
    shares = np.array(weights) / np.sum(weights, axis=1, keepdims=True)
    summed = sum(
        float(np.prod([shares[place, code] for place, code in enumerate(path)]))
        for path in itertools.product(range(4), repeat=len(shares))
        if collapsed(path) == text
    )
    found = np.exp(log_probability(np.log(shares).astype(np.float32), [text]))
    assert found[0] == pytest.approx(summed, rel=1e-4, abs=1e-12)


def test_texts_of_different_length_are_weighed_together() -> None:
    together = log_probability(logs("0083"), ["0083", "", "0123456789"])
    alone = [log_probability(logs("0083"), [text])[0] for text in ("0083", "", "0123456789")]
    assert together == pytest.approx(alone)


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (printing("fic", "83"), Printed(("0083", "083"), ("FIC",), 0, "•★")),
        (printing("tfin", "2"), Printed(("0002", "002"), ("TFIN", "FIN"), 0, "•★")),
        (
            printing("pdom", "123p", finishes=["foil"]),
            Printed(("0123", "123"), ("PDOM", "DOM"), 0, "★"),
        ),
        (printing("plst", "IMA-158"), Printed(("0158", "158"), ("IMA",), 0, "•★")),
        (printing("plst", "LRW-89", frame="2003"), Printed(("89",), (), 2025, "•★")),
        (printing("rtr", "214", "2012-10-05"), Printed(("214",), (), 2012, "•★")),
        (printing("lea", "161", "1993-08-05"), Printed((), (), 1993, "•★")),
        (printing("xyz", "★"), Printed((), ("XYZ",), 0, "•★")),
        (printing("one", "5", finishes=["etched"]), Printed(("0005", "005"), ("ONE",), 0, "★")),
    ],
)
def test_each_printing_says_what_its_age_and_set_make_it_say(one: Printing, says: Printed) -> None:
    assert printed(one) == says


def test_the_number_that_was_read_tells_printings_apart() -> None:
    answer = identify(
        Seen(lines("0083", "FIC•EN")), [printing("fic", "230"), printing("fic", "83")]
    )
    assert answer.verdict == "exact"
    assert answer.candidates[0].printing.label == "FIC 83"
    assert "number 0083 and set FIC were read" in answer.reasons
    assert "FIC 230 has the same picture" in answer.reasons


@pytest.mark.parametrize(("mark", "finish"), [("•", "nonfoil"), ("★", "foil")])
def test_the_mark_between_set_and_language_is_the_finish(mark: str, finish: str) -> None:
    answer = identify(Seen(lines("0083", f"FIC{mark}EN")), [printing("fic", "83")])
    assert (answer.finish.value, answer.finish.probability > 0.98) == (finish, True)


def test_the_finish_of_a_card_may_be_one_that_scryfall_does_not_list() -> None:
    one = printing("fic", "83", finishes=["nonfoil"])
    assert identify(Seen(lines("0083", "FIC★EN", 0.999999)), [one]).finish.value == "foil"


@pytest.mark.parametrize(("mark", "finish"), [("•", "nonfoil"), ("★", "foil")])
def test_the_mark_tells_the_finish_also_if_the_number_is_not_read(mark: str, finish: str) -> None:
    answer = identify(Seen(lines("", f"FIC{mark}EN")), [printing("fic", "83")])
    assert answer.finish.value == finish


@pytest.mark.parametrize(("mark", "finish"), [("•", "nonfoil"), ("★", "foil")])
def test_the_bright_edge_of_the_text_box_is_no_line(mark: str, finish: str) -> None:
    read = lines("0083", f"FIC{mark}EN", shift=6)
    read.strip[:16, 21:] = 255
    assert identify(Seen(read), [printing("fic", "83")]).finish.value == finish


def test_where_no_line_is_neither_finish_nor_language_is_said() -> None:
    blank = Lines(logs(""), logs(""), strip("★"))
    answer = identify(Seen(blank), [printing("fic", "83")])
    assert not answer.finish.known
    assert not answer.lang.known


@pytest.mark.parametrize(
    ("printed_as", "lang"), [("EN", "en"), ("SP", "es"), ("JP", "ja"), ("CS", "zhs")]
)
def test_the_language_is_read_as_it_is_printed(printed_as: str, lang: str) -> None:
    answer = identify(Seen(lines("0083", f"FIC•{printed_as}")), [printing("fic", "83")])
    assert answer.lang.value == lang
    assert answer.verdict == "exact"


def test_what_cannot_be_read_leaves_a_group() -> None:
    answer = identify(Seen(UNREADABLE), [printing("fic", "230"), printing("fic", "83")])
    assert answer.verdict == "group"
    assert min(one.probability for one in answer.candidates) > 0.2
    assert not answer.finish.known
    assert not answer.lang.known


def test_the_only_printing_of_a_picture_needs_no_reading() -> None:
    answer = identify(Seen(UNREADABLE), [printing("fic", "83")])
    assert answer.verdict == "exact"
    assert answer.reasons == ("FIC 83 is the only known printing of this picture",)


def test_a_line_that_no_candidate_has_makes_the_printing_unknown() -> None:
    answer = identify(
        Seen(lines("0311", "DSK•EN")), [printing("fic", "230"), printing("fic", "83")]
    )
    assert answer.verdict == "unknown"
    assert answer.printing is None
    assert "DSK 0311" in answer.reasons[0]


def test_images_decide_where_the_line_cannot_be_read() -> None:
    pair = [printing("fic", "230"), printing("fic", "83")]
    likeness: Mapping[str, float] = {"fic-230": -9.0, "fic-83": 0.0}
    answer = identify(Seen(UNREADABLE, likeness=likeness, regions=("frame",)), pair)
    assert answer.printing == pair[1]
    assert "it looks like FIC 83 (frame)" in answer.reasons


def test_a_line_that_was_read_is_stronger_than_images() -> None:
    pair = [printing("fic", "230"), printing("fic", "83")]
    seen = Seen(lines("0230", "FIC•EN"), likeness={"fic-230": -2.0, "fic-83": 0.0})
    assert identify(seen, pair).printing == pair[0]


def test_a_printing_without_an_image_is_not_excluded_by_the_images_of_others() -> None:
    three = [printing("fic", "230"), printing("fic", "83"), printing("fin", "7")]
    answer = identify(Seen(UNREADABLE, likeness={"fic-230": -9.0, "fic-83": 0.0}), three)
    assert {one.printing.label for one in answer.candidates} == {"FIC 83", "FIN 7"}


def test_old_frames_are_known_by_year_and_number() -> None:
    old, new = printing("rtr", "214", "2012-10-05"), printing("uma", "214", "2018-12-07")
    empty = lines("", "")
    answer = identify(Seen(empty, copyright=lines("", "2012/214")), [new, old])
    assert answer.printing == old
    assert not answer.finish.known


def test_only_a_whole_line_counts_as_read_surely() -> None:
    assert read_surely(lines("0083", "FIC•EN")) == ("FIC", "0083")
    assert read_surely(lines("0083", "FIC")) is None
    assert read_surely(lines("", "FIC•EN")) is None
    assert read_surely(UNREADABLE) is None


def test_a_strip_is_cut_where_the_card_lies() -> None:
    upright = np.zeros((880, 630, 3), np.uint8)
    upright[830:832, 40:120] = 255  # a line at 83 mm from the top, 4 to 12 mm from the left
    strip = cut_strip(upright, where(CARD, LINES), LINES)
    assert strip.shape == (64, 160)
    rows, columns = np.nonzero(strip > 128)
    assert (rows.min(), rows.max()) == pytest.approx((22, 23), abs=1)
    assert (columns.min(), columns.max()) == pytest.approx((30, 109), abs=1)


def test_the_strip_of_a_card_that_lies_upside_down_is_upright() -> None:
    upright = np.zeros((880, 630, 3), np.uint8)
    upright[830:840, 40:120] = 255
    below = np.roll(np.array(CARD), 2, axis=0)
    strip = cut_strip(np.ascontiguousarray(upright[::-1, ::-1]), where(below, LINES), LINES)
    assert np.abs(strip.astype(int) - cut_strip(upright, where(CARD, LINES), LINES)).mean() < 2


def test_the_strip_of_a_card_printed_across_is_turned() -> None:
    across = np.zeros((630, 880, 3), np.uint8)
    across[575:585, 40:120] = 255  # 57.5 mm from the top of the card as one reads it
    shown = np.ascontiguousarray(np.rot90(across))  # as Scryfall shows it
    strip = cut_strip(shown, where(CARD, ACROSS), ACROSS)
    rows, columns = np.nonzero(strip > 128)
    assert (rows.min(), columns.min()) == pytest.approx((17, 30), abs=1)


def test_the_copyright_line_is_cut_out_wide() -> None:
    assert cut_strip(
        np.zeros((880, 630, 3), np.uint8), where(CARD, COPYRIGHT), COPYRIGHT
    ).shape == (64, 480)


def test_a_card_whose_artwork_is_uncertain_is_exact_only_if_its_line_was_read() -> None:
    one = [printing("fic", "83")]
    assert identify(Seen(UNREADABLE), one, certain=False).verdict == "group"
    assert identify(Seen(lines("0083", "FIC•EN")), one, certain=False).verdict == "exact"


def test_a_line_that_was_not_read_does_not_prove_an_old_printing() -> None:
    old, new = printing("rtr", "214", "2012-10-05"), printing("uma", "214", "2018-12-07")
    answer = identify(Seen(lines("", ""), copyright=lines("", "")), [new, old])
    assert answer.verdict == "group"
    assert {one.printing.set for one in answer.candidates} == {"rtr", "uma"}
