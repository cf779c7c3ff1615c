"""Which printing a card is: what was read on it, and how much it resembles each printing's image.

Each printing that may be there says something else at the bottom of the card (`printed`). The
reader tells how probable each of these texts is; it never has to read a text out of nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from mtg_image_db.reading.answer import (
    Corners,
    PrintingAnswer,
    PrintingCandidate,
    PrintingVerdict,
    Reading,
)
from mtg_image_db.reading.mark import probability_of_foil
from mtg_image_db.reading.printed import BULLET, LANGUAGES, STAR, Printed, printed
from mtg_image_db.reading.reader import Lines
from mtg_image_db.scryfall.printing import Printing

EXACT = 0.97
"""Least probability of the printing for the verdict `exact` (docs/printings.md)."""
_SURE = 0.98
"""Least probability at which a finish or a language is said (docs/printings.md)."""
_TEMPERATURE = 2.0
"""By this, log-likelihoods of texts are divided: the places along a line are not independent, so
the network is surer than it is right. By hand."""
_MISREAD = 0.003
"""Share of cards on which what was read says nothing: light, dirt, a counterfeit. By hand."""
_UNREAD = 0.3
"""Share of copyright lines of which nothing is read. By hand."""
_BLANK_FAVOURS_OLD = 10.0
"""A blank where the two lines stand since July 2014 makes an older printing more probable by this
factor at most: a line may be there and not be read. By hand."""
_LEFT_OUT = 0.002
"""Candidates below this probability are not listed. By hand."""
_OTHER_FINISH = 0.01
"""Prior probability of a mark that Scryfall's finishes of the printing rule out. By hand."""
_READ_SURELY = -0.7
"""Least log-probability of both lines at which their text is taken as read. By hand."""
_CONTRADICTED = -12.0
"""If a text was read surely, and the log-likelihoods of all candidates are below this, the card is
none of them. By hand."""
_LETTERS_OF_A_CODE = 3
_PRINTED_AS = {code: text for text, code in LANGUAGES.items()}
_CODE = re.compile(r"([A-Z0-9]{3,4})[•★]([A-Z]{2})")
_NUMBER = re.compile(r"\d{3,4}")


@dataclass(frozen=True)
class Seen:
    """What was seen of a card.

    Parameters
    ----------
    lines
        Its two collector lines, at their place.
    copyright
        Its copyright line, where frames before July 2014 have the number; None if no candidate is
        that old.
    strip
        See `PrintingAnswer.strip`.
    likeness
        The log-likelihoods of printings by their images, by Scryfall id, for those whose image is
        at hand.
    regions
        Where the images of the candidates differ, in words.
    """

    lines: Lines
    copyright: Lines | None = None
    strip: Corners = ()
    likeness: Mapping[str, float] = field(default_factory=dict)
    regions: tuple[str, ...] = ()


def identify(seen: Seen, candidates: Sequence[Printing], *, certain: bool = True) -> PrintingAnswer:
    """Decide which of the candidates a card is, and read its finish and language.

    Parameters
    ----------
    candidates
        All printings that it may be; at least one.
    certain
        Whether its artwork is certain. If it is not, only a line that was read makes it exact.
    """
    says = [printed(one) for one in candidates]
    lang = _language(seen.lines, says)
    logs = _texts(seen, says, _PRINTED_AS.get(lang.value, "EN"))
    contradicted = _contradiction(seen.lines, logs)
    by_text = _softmax(logs / _TEMPERATURE)
    by_image = _by_image(seen, candidates)
    together = _softmax(np.log(_with_doubt(by_text)) + np.log(by_image))
    order = np.argsort(-together, kind="stable")
    best = int(order[0])
    finish = _finish(seen.lines, says[best])
    if contradicted or not _is_there(seen.lines, says[best]):
        finish = lang = Reading()
    listed = [int(i) for i in order if together[i] >= _LEFT_OUT]
    proven = certain or read_surely(seen.lines) is not None
    verdict: PrintingVerdict = "exact" if proven and together[best] >= EXACT else "group"
    if contradicted:
        verdict = "unknown"
    reasons = _reasons(
        candidates, says, listed, by_text, by_image, seen, contradicted, exact=verdict == "exact"
    )
    return PrintingAnswer(
        verdict,
        tuple(PrintingCandidate(candidates[i], float(together[i])) for i in listed),
        finish,
        lang,
        reasons,
        seen.strip,
    )


def _language(lines: Lines, says: Sequence[Printed]) -> Reading:
    """The language that stands behind the set and the mark."""
    codes = sorted({code for one in says for code in one.codes})
    if not codes:
        return Reading()
    english = [f"{code}{mark}EN" for code, mark in product(codes, BULLET + STAR)]
    code = codes[int(lines.log_lower(english).argmax()) // 2]
    texts = [f"{code}{mark}{lang}" for lang in LANGUAGES for mark in BULLET + STAR]
    logs = lines.log_lower(texts).reshape(-1, 2)
    both = np.logaddexp(logs[:, 0], logs[:, 1])
    shares = _softmax(both / _TEMPERATURE)
    best = int(shares.argmax())
    return _said(list(LANGUAGES.values())[best], float(shares[best]))


def _finish(lines: Lines, says: Printed) -> Reading:
    """The finish that the mark between set and language says.

    Its place is that behind three letters, as nearly all codes have.
    """
    if not any(len(code) == _LETTERS_OF_A_CODE for code in says.codes):
        return Reading()
    foil = probability_of_foil(lines.strip)
    return _said("foil" if foil > 0.5 else "nonfoil", max(foil, 1 - foil))


def _said(value: str, probability: float) -> Reading:
    """A value, if it is sure."""
    return Reading(value, probability) if probability >= _SURE else Reading()


def _is_there(lines: Lines, says: Printed) -> bool:
    """Whether something is read in both lines, or the lower one is more probable than none."""
    if all(lines.text):
        return True
    texts = ["".join(parts) for parts in product(says.codes, BULLET + STAR, LANGUAGES)]
    logs = lines.log_lower([*texts, ""])
    return bool(texts) and bool(np.logaddexp.reduce(logs[:-1]) > logs[-1])


def _texts(seen: Seen, says: Sequence[Printed], lang: str) -> NDArray[np.float64]:
    """The log-likelihood of what each candidate says."""
    numbers = sorted({number for one in says for number in one.numbers if one.modern} | {""})
    codes = sorted({code for one in says for code in one.codes})
    lowers = [f"{code}{mark}{lang}" for code in codes for mark in BULLET + STAR] + [""]
    upper = dict(zip(numbers, seen.lines.log_upper(numbers), strict=True))
    lower = dict(zip(lowers, seen.lines.log_lower(lowers), strict=True))
    years = sorted({_copyright(one) for one in says} | {""})
    notes = dict.fromkeys(years, 0.0)
    if seen.copyright is not None:
        notes = dict(zip(years, seen.copyright.log_lower(years), strict=True))

    def log_of(one: Printed) -> float:
        if not one.modern:
            # Most copyright lines are not read, though they are there.
            read = np.log(1 - _UNREAD) + notes[_copyright(one)] / _TEMPERATURE
            unread = np.log(_UNREAD) + notes[""] / _TEMPERATURE
            return float(upper[""] + lower[""] + _TEMPERATURE * np.logaddexp(read, unread))
        number = max((upper[text] for text in one.numbers), default=upper[""])
        marks = [
            max(lower[f"{code}{mark}{lang}"] for code in one.codes)
            + (0.0 if mark in one.finishes else np.log(_OTHER_FINISH))
            for mark in BULLET + STAR
        ]
        return float(number + np.logaddexp(*marks) + notes[""])

    logs = np.array([log_of(one) for one in says])
    modern = np.array([one.modern for one in says])
    if modern.any() and not modern.all():
        # A line that was not read need not be missing.
        most = logs[modern].max() + _TEMPERATURE * np.log(_BLANK_FAVOURS_OLD)
        logs[~modern] -= max(0.0, float(upper[""] + lower[""] + notes[""] - most))
    return logs


def _copyright(one: Printed) -> str:
    """What an old copyright line says: `2012/214`, `1995`, or nothing that is read."""
    if one.modern or not one.year:
        return ""
    return f"{one.year}/{one.numbers[0]}" if one.numbers else str(one.year)


def read_surely(lines: Lines) -> tuple[str, str] | None:
    """The set code and the number that a strip says; None if they cannot be read surely."""
    upper, lower = lines.text
    match = _CODE.fullmatch(lower)
    if match is None or match[2] not in LANGUAGES or not _NUMBER.fullmatch(upper):
        return None
    codes = [f"{match[1]}{mark}{match[2]}" for mark in BULLET + STAR]
    log = float(lines.log_upper([upper])[0]) + float(np.logaddexp(*lines.log_lower(codes)))
    return (match[1], upper) if log > _READ_SURELY else None


def _contradiction(lines: Lines, logs: NDArray[np.float64]) -> str:
    """What the card says, if that is none of the candidates; otherwise empty."""
    text = read_surely(lines)
    return " ".join(text) if text and logs.max() < _CONTRADICTED else ""


def _by_image(seen: Seen, candidates: Sequence[Printing]) -> NDArray[np.float64]:
    """The probability of each candidate by its image; without an image, as that of the best."""
    known = seen.likeness
    if not known:
        return np.full(len(candidates), 1 / len(candidates))
    best = max(known.values())
    return _softmax(np.array([known.get(one.scryfall_id, best) for one in candidates]))


def _reasons(
    candidates: Sequence[Printing],
    says: Sequence[Printed],
    listed: Sequence[int],
    by_text: NDArray[np.float64],
    by_image: NDArray[np.float64],
    seen: Seen,
    contradicted: str,
    *,
    exact: bool,
) -> tuple[str, ...]:
    """Why, in words."""
    if contradicted:
        return (f"{contradicted} was read, which is none of the known printings of this picture",)
    best = candidates[listed[0]]
    if len(candidates) == 1:
        return (f"{best.label} is the only known printing of this picture",)
    reasons = []
    said = says[listed[0]]
    if by_text[listed[0]] >= EXACT:
        if said.modern and said.numbers:
            number = said.numbers[int(seen.lines.log_upper(said.numbers).argmax())]
            code = said.codes[int(seen.lines.log_lower([f"{c}•EN" for c in said.codes]).argmax())]
            reasons.append(f"number {number} and set {code} were read")
        elif seen.copyright is not None and said.year:
            reasons.append(f"the copyright line of {said.year} was read")
    elif len(listed) > 1:
        reasons.append("its number and set could not be read surely")
    if by_image[listed[0]] >= EXACT and seen.regions:
        reasons.append(f"it looks like {best.label} ({', '.join(seen.regions)})")
    others = ", ".join(candidates[i].label for i in listed[1:4])
    if others and exact:
        reasons.append(f"it is hardly {others}")
    elif others:
        reasons.append(f"nothing excludes {others}")
    else:
        rest = [one.label for one in candidates if one is not best][:3]
        what = "has" if len(rest) == 1 else "have"
        reasons.append(f"{', '.join(rest)} {what} the same picture")
    return tuple(reasons)


def _with_doubt(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return (1 - _MISREAD) * shares + _MISREAD / len(shares)


def _softmax(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = np.exp(logs - logs.max())
    return np.asarray(shares / shares.sum())
