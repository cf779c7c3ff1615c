"""Query labelled photos, and count the right answers; docs/evaluation.md says how."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from statistics import mean, median
from typing import TYPE_CHECKING, Any

from mtg_image_db.errors import ImageError
from mtg_image_db.evaluation.labels import LabelledPhoto, plain_name
from mtg_image_db.reading.answer import PrintingAnswer
from mtg_image_db.system.progress import Progress, listener

if TYPE_CHECKING:
    from mtg_image_db.database.answers import CardAnswer
    from mtg_image_db.database.database import Database

_BEST = 5
"""Distinct images asked for each card: the first five, as `query` shows."""
_VERDICTS = ("confident", "likely", "none")
_HEIGHTS = (300, 400, 500, 700)
"""Pixels of a card's height in the photo: figures are given between these."""
_READ_FIGURES = {
    "printing": ("exact_right", "exact_wrong", "in_group", "not_in_group", "unknown"),
    "finish": ("right", "wrong", "not_said"),
    "lang": ("right", "wrong", "not_said"),
}
"""What can come of each thing that a card says of itself. `_MISREAD` are the errors."""
_MISREAD = {"exact_wrong", "not_in_group", "wrong"}


@dataclass(frozen=True)
class Share:
    """A share: `hits` out of `of`."""

    hits: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the share (Wilson, 1927)."""
        if not self.of:
            return 0.0, 1.0
        z, n, p = 1.96, self.of, self.hits / self.of
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        middle, scale = p + z * z / (2 * n), 1 + z * z / n
        return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)

    def __str__(self) -> str:
        low, high = self.interval
        percent = f"{100 * self.hits / self.of:.1f} %" if self.of else "-"
        return f"{self.hits}/{self.of}, {percent} ({100 * low:.1f} to {100 * high:.1f})"


@dataclass(frozen=True)
class PhotoResult:
    """The result for one photo.

    Parameters
    ----------
    answers
        The database's answers.
    right
        For each answer, whether its first match has the name of a card in the photo.
    places
        For each card of the photo, the answer that counts for it, and the rank of the match with
        its name (from 1); None if there is none. An answer counts for one card at most.
    seconds
        Time by stage.
    error
        Why the photo could not be read; empty if it could.
    """

    photo: LabelledPhoto
    answers: tuple[CardAnswer, ...] = ()
    right: tuple[bool, ...] = ()
    places: tuple[tuple[int, int] | None, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    error: str = ""

    @property
    def wrong(self) -> int:
        """How many answers other than ``none`` have a name that is not in the photo."""
        both = zip(self.answers, self.right, strict=True)
        return sum(answer.verdict != "none" and not right for answer, right in both)

    def verdict_on(self, card: int) -> str:
        """The verdict of the answer whose first match names a card; ``none`` if there is none."""
        place = self.places[card]
        return self.answers[place[0]].verdict if place and place[1] == 1 else "none"

    @property
    def detected(self) -> int:
        """How many answers are about something that was detected, with or without a name."""
        return sum(answer.detected for answer in self.answers)

    def named(self, card: int) -> bool:
        """Whether an answer other than ``none`` names a card."""
        return self.verdict_on(card) != "none"

    @property
    def missed(self) -> list[int]:
        """Cards that were not named although their artwork is in the database."""
        cards = enumerate(() if self.error else self.photo.cards)
        return [i for i, card in cards if card.present and not self.named(i)]

    def answer_for(self, card: int) -> CardAnswer | None:
        """The answer that counts for a card, if there is one."""
        place = self.places[card]
        return self.answers[place[0]] if place else None

    def by_title(self, card: int) -> bool:
        """Whether only its title names a card."""
        answer = self.answer_for(card)
        return answer is not None and answer.by_title

    def read(self, card: int) -> dict[str, str]:
        """What came of the printing, finish and language that the labels give for a card.

        The keys and the words are those of `read_figures`.
        """
        label, answer = self.photo.cards[card], self.answer_for(card)
        read = answer.printing if answer else PrintingAnswer()
        came = {}
        if label.printing:
            among = any(label.is_of(one.printing) for one in read.candidates)
            came["printing"] = "in_group" if among else "not_in_group"
            if read.verdict == "unknown":
                came["printing"] = "unknown"
            elif read.printing:
                came["printing"] = "exact_right" if label.is_of(read.printing) else "exact_wrong"
        for name, truth, said in (
            ("finish", label.finish, read.finish),
            ("lang", label.lang, read.lang),
        ):
            if truth:
                right = "right" if said.value == truth else "wrong"
                came[name] = right if said.known else "not_said"
        return came

    @property
    def misread(self) -> bool:
        """Whether the printing, finish or language of a card is not what the labels give."""
        cards = range(0 if self.error else len(self.photo.cards))
        return any(_MISREAD & set(self.read(card).values()) for card in cards)


def evaluate(
    database: Database, photos: Sequence[LabelledPhoto], progress: Progress | None = None
) -> list[PhotoResult]:
    """Query each photo; an unreadable one is reported, and gets a `PhotoResult.error`."""
    progress = listener(progress)
    progress.start("asking", len(photos), "photos")
    outcomes = []
    for photo in photos:
        try:
            found = database.recognise(photo.path, _BEST)
        except ImageError as error:
            progress.note(f"{photo.file}: {error.message}")
            outcomes.append(PhotoResult(photo, error=error.message))
        else:
            outcomes.append(judge(photo, found.cards, found.seconds))
            if found.photo.note:
                progress.note(f"{photo.file}: {found.photo.note}")
        progress.advance()
    progress.finish()
    return outcomes


def judge(
    photo: LabelledPhoto, answers: tuple[CardAnswer, ...], seconds: Mapping[str, float]
) -> PhotoResult:
    """Compare answers with the cards in the photo; the surest answers choose a card first.

    Of several cards with one name, an answer chooses the one whose label agrees with what was read.
    """
    names = [plain_name(card.name) for card in photo.cards]
    said = [[plain_name(m.face.name) for m in answer.matches[:_BEST]] for answer in answers]

    def sureness(number: int) -> tuple[int, bool]:
        answer = answers[number]
        return _VERDICTS.index(answer.verdict), answer.printing.verdict != "exact"

    surest = sorted(range(len(answers)), key=sureness)
    places: list[tuple[int, int] | None] = [None] * len(names)
    for place in range(_BEST):
        for number in surest:
            free = number not in [found[0] for found in places if found]
            name = said[number][place] if free and place < len(said[number]) else None
            open_cards = [i for i, n in enumerate(names) if n == name and places[i] is None]
            if open_cards:
                read = answers[number].printing
                chosen = max(open_cards, key=lambda i: photo.cards[i].agreement(read))
                places[chosen] = number, place + 1
    right = tuple(bool(some) and some[0] in names for some in said)
    return PhotoResult(photo, answers, right, tuple(places), seconds)


def figures(outcomes: Sequence[PhotoResult]) -> dict[str, Share]:
    """Count."""
    read = [outcome for outcome in outcomes if not outcome.error]
    cards = [(o, i, card) for o in read for i, card in enumerate(o.photo.cards)]
    known = [(o, i) for o, i, card in cards if card.known]
    present = [(o, i) for o, i, card in cards if card.present]
    verdicts = [o.verdict_on(i) for o, i in present]
    absent = [[i for i, c in enumerate(o.photo.cards) if c.present is False] for o in read]
    # Each wrong answer is attributed to an absent card. A title names no artwork.
    refused = [
        max(0, sum(not o.named(i) or o.by_title(i) for i in some) - o.wrong)
        for o, some in zip(read, absent, strict=True)
    ]
    holding = [o for o in read if any(card.present for card in o.photo.cards)]
    silent = [o for o in holding if all(answer.verdict == "none" for answer in o.answers)]

    def within(some: Sequence[tuple[PhotoResult, int]], most: int) -> Share:
        places = [o.places[i] for o, i in some]
        return Share(sum(place is not None and place[1] <= most for place in places), len(some))

    def wrong(verdict: str) -> Share:
        answers = [pair for o in read for pair in zip(o.answers, o.right, strict=True)]
        judged = [right for answer, right in answers if answer.verdict == verdict]
        return Share(judged.count(False), len(judged))

    return {
        "cards_found": Share(sum(min(o.detected, len(o.photo.cards)) for o in read), len(cards)),
        "cards_named": Share(sum(o.named(i) for o, i, _ in cards), len(cards)),
        "outlines_of_no_card": Share(
            sum(max(0, o.detected - len(o.photo.cards)) for o in read),
            sum(o.detected for o in read),
        ),
        "known_names_first": within(known, 1),
        "known_names_among_five": within(known, _BEST),
        "present_artworks_first": within(present, 1),
        "present_artworks_among_five": within(present, _BEST),
        "present_artworks_named": Share(len(verdicts) - verdicts.count("none"), len(verdicts)),
        "present_artworks_confident": Share(verdicts.count("confident"), len(verdicts)),
        "confident_answers_wrong": wrong("confident"),
        "likely_answers_wrong": wrong("likely"),
        "absent_cards_refused": Share(sum(refused), sum(map(len, absent))),
        "photos_with_nothing_named": Share(len(silent), len(holding)),
    }


def read_figures(outcomes: Sequence[PhotoResult]) -> dict[str, dict[str, Share]]:
    """Count what was read on labelled cards: of all, and by pixels of card height.

    Cards without an answer have no height. They count among all, as unknown and not said.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("all", *_height_names())}
    for outcome in outcomes:
        labels = () if outcome.error else outcome.photo.cards
        for card in range(len(labels)):
            for height in _heights_of(outcome.answer_for(card)):
                counts[height].update(f"{k}_{v}" for k, v in outcome.read(card).items())
        # Where all printings of a photo are known, so is each wrong answer, for whichever card.
        for answer in outcome.answers if all(label.printing for label in labels) else ():
            if exact := answer.printing.printing:
                right = any(label.is_of(exact) for label in labels)
                for height in _heights_of(answer):
                    counts[height].update(("exact_answers", *(() if right else ("exact_false",))))
    shares: dict[str, dict[str, Share]] = {}
    for height, count in counts.items():
        shares[height] = {}
        for thing, words in _READ_FIGURES.items():
            of = sum(count[f"{thing}_{word}"] for word in words)
            shares[height] |= {f"{thing}_{w}": Share(count[f"{thing}_{w}"], of) for w in words}
        wrong = Share(count["exact_false"], count["exact_answers"])
        shares[height]["exact_answers_wrong"] = wrong
    return shares


def _height_names() -> list[str]:
    between = [f"{low} to {high}" for low, high in pairwise(_HEIGHTS)]
    return [f"under {_HEIGHTS[0]}", *between, f"over {_HEIGHTS[-1]}"]


def _heights_of(answer: CardAnswer | None) -> list[str]:
    """The groups that an answer belongs to; a height on a border belongs to the upper one."""
    if answer is None:
        return ["all"]
    top_left, top_right, bottom_right, bottom_left = answer.quad
    height = (math.dist(top_left, bottom_left) + math.dist(top_right, bottom_right)) / 2
    return ["all", _height_names()[bisect_right(_HEIGHTS, height)]]


def by_kind(outcomes: Sequence[PhotoResult]) -> dict[str, list[PhotoResult]]:
    """All results, then those of each kind of photo, in the order of the labels."""
    groups: dict[str, list[PhotoResult]] = {"all": list(outcomes)}
    for outcome in outcomes:
        if outcome.photo.kind:
            groups.setdefault(outcome.photo.kind, []).append(outcome)
    return groups


def milliseconds(outcomes: Sequence[PhotoResult]) -> dict[str, tuple[float, float]]:
    """Median and mean of the photos' times, by stage."""
    times = [outcome.seconds for outcome in outcomes if not outcome.error]
    stages = dict.fromkeys(stage for seconds in times for stage in seconds)
    spent = {stage: [1000 * seconds.get(stage, 0.0) for seconds in times] for stage in stages}
    return {stage: (median(ms), mean(ms)) for stage, ms in spent.items()}


def to_json(outcomes: Sequence[PhotoResult]) -> dict[str, Any]:
    """All figures, and every photo's cards and answers, as JSON types."""

    def told(shares: Mapping[str, Share]) -> dict[str, Any]:
        return {name: {**asdict(s), "interval": s.interval} for name, s in shares.items()}

    kinds = {kind: told(figures(some)) for kind, some in by_kind(outcomes).items()}
    read = {height: told(shares) for height, shares in read_figures(outcomes).items()}
    photos = [
        {
            "file": one.photo.file,
            "error": one.error,
            "cards": [asdict(card) for card in one.photo.cards],
            "places": one.places,
            "answers": [
                (
                    *(answer.verdict, answer.points),
                    [(m.face.name, m.score) for m in answer.matches],
                    answer.printing.to_json(),
                    answer.title.to_json() if answer.title else None,
                )
                for answer in one.answers
            ],
            "right": one.right,
            "seconds": one.seconds,
        }
        for one in outcomes
    ]
    spent = {k: {"median": ms[0], "mean": ms[1]} for k, ms in milliseconds(outcomes).items()}
    return {"figures": kinds, "read": read, "milliseconds": spent, "photos": photos}
