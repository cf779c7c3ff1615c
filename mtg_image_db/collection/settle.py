"""Which printing a card is: by what was read on it, by its artwork, and by what the user says."""

from __future__ import annotations

from collections.abc import Sequence

from mtg_image_db.collection.known import Known
from mtg_image_db.database.answers import Match
from mtg_image_db.reading.answer import PrintingAnswer
from mtg_image_db.recognise.verdict import Verdict
from mtg_image_db.scryfall.faces import CardFace
from mtg_image_db.scryfall.printing import LANGUAGE_NAMES, Printing

Candidate = tuple[Printing, float]
"""A printing that a card may be, and its image's score, or else the best match's."""


def settle(
    verdict: Verdict,
    matches: Sequence[Match],
    read: PrintingAnswer,
    given: Known,
    *,
    by_title: bool = False,
) -> tuple[Printing | None, str, tuple[Candidate, ...]]:
    """The only possible printing, or None with the reason; and all candidates.

    Parameters
    ----------
    read
        What was read on the card. An exact printing counts whatever the artwork says, unless the
        verdict is ``none``.
    given
        What is known of its finish, language and set.
    by_title
        Only its title names it; no artwork was seen.
    """
    # Identical images cannot tell printings apart.
    tied = [match for match in matches if match.image == matches[0].image]
    pool = _printings(tied, given)
    own = [one.printing for one in read.candidates]
    if read.printing is not None and verdict != "none":
        printing, reason = _as_read(read.printing, pool, given)
        candidates = _joined(own, pool)
    elif verdict != "confident" or not matches:
        likely = verdict != "none" and matches
        reason = "it is not certain which card this is" if likely else "no card resembles it enough"
        every = [one for match in matches for one in _printings([match], given)]
        printing, candidates = None, _joined(own, every)
    elif by_title:
        printing, reason, candidates = _of_title(own, given)
    elif read.verdict == "unknown" and read.reasons:
        # What stands on the card contradicts every known printing.
        printing, reason, candidates = None, read.reasons[0], _joined(own, pool)
    elif read.verdict == "group":
        printing, reason, candidates = _of_group(own, pool, matches, given)
    else:
        printing, reason, candidates = _of_artwork(pool, matches, given.or_nonfoil())
    return printing, reason, _ranked(candidates, matches, read)


def _of_artwork(
    pool: list[Printing], matches: Sequence[Match], given: Known
) -> tuple[Printing | None, str, list[Printing]]:
    """The only possible printing of an artwork, or None with the reason; and all candidates."""
    known, reason = _of_one_card(pool, matches, given)
    if reason:
        return None, reason, known
    left, what = _left(known, given)
    if not left:
        return None, f"no printing of this artwork exists {what}", known
    if len(left) > 1:
        return None, f"{len(left)} printings share this artwork", left
    if left[0].set not in given.sets and not _could_be(left[0], matches):
        # What was assumed of all cards has left out the one printing that it looks like.
        return None, f"it looks like {matches[0].face.label}, which does not exist {what}", known
    return left[0], "", left


def _of_group(
    read: Sequence[Printing], pool: list[Printing], matches: Sequence[Match], given: Known
) -> tuple[Printing | None, str, list[Printing]]:
    """The same, but only the printings of a group are possible, as far as was read."""
    known, reason = _of_one_card(pool, matches, given)
    if reason := reason or _elsewhere(read, pool, given):
        return None, reason, _joined(read, known)
    labels = {one.label for one in read}
    possible = [one for one in known if one.label in labels]
    left, what = _left(possible, given)
    # Of a group, only what is known may leave one; not that others were too unlikely to be listed.
    if len(left) == 1 and (len(possible) > 1 or len(known) == 1 or left[0].set in given.sets):
        return left[0], "", left
    if len(left) == 1:
        return None, f"it is probably {left[0].label}, but not certainly", _joined(left, known)
    if left:
        return None, f"what was read fits {len(left)} printings", left
    reason = f"no printing that fits what was read exists {what}"
    if not possible:
        reason = "what was read fits no printing of this artwork"
    return None, reason, _joined(read, known)


def _of_title(
    known: Sequence[Printing], given: Known
) -> tuple[Printing | None, str, list[Printing]]:
    """The same, of a card of which only the title was seen: all printings of the card.

    Nobody saw its artwork, and a database may lack some printings. So only the sets that the user
    named may leave one.
    """
    left, what = _left(known, given)
    if len(left) == 1 and left[0].set in given.sets:
        return left[0], "", left
    if not left:
        return None, f"no printing of the card with this title exists {what}", list(known)
    return None, "only its title was read, which does not say which printing it is", left


def _left(known: Sequence[Printing], given: Known) -> tuple[list[Printing], str]:
    """Those in the language, the finish and, if possible, the sets; and what the others lack."""
    spoken = [one for one in known if not given.lang or one.lang in (given.lang, "en", "")]
    finished = [one for one in spoken if given.finishes_of(one)]
    left = [one for one in finished if one.set in given.sets] or finished
    lacking = f"as {given.finish}" if spoken else f"in the language {given.lang}"
    return left, lacking


def _as_read(
    printing: Printing, pool: Sequence[Printing], given: Known
) -> tuple[Printing | None, str]:
    """The record of a printing that was read, in the card's language; or None with the reason."""
    if reason := _elsewhere([printing], pool, given):
        return None, reason
    # Of one printing, a database may have a record for each language.
    records = [printing, *(one for one in pool if one.label == printing.label)]
    for codes in ((given.lang,), ("en", "")):
        for record in records:
            if not given.lang or record.lang in codes:
                return record, ""
    name = LANGUAGE_NAMES.get(given.lang, given.lang)
    return None, f"{printing.label} was read, which does not exist in {name}"


def _elsewhere(read: Sequence[Printing], pool: Sequence[Printing], given: Known) -> str:
    """Why the sets that the user named contradict what was read; empty if they do not.

    They do if the artwork is in one of them, but none of what was read.
    """
    named = [one.label for one in pool if one.set in given.sets]
    if not named or any(one.set in given.sets for one in read):
        return ""
    what = read[0].label if len(read) == 1 else "another printing"
    return f"{what} was read, but the sets you named have {named[0]} with this artwork"


def _joined(first: Sequence[Printing], others: Sequence[Printing]) -> list[Printing]:
    """Both without repetition, by set and number."""
    found: dict[str, Printing] = {}
    for one in (*first, *others):
        found.setdefault(one.label, one)
    return list(found.values())


def _of_one_card(
    printings: list[Printing], matches: Sequence[Match], given: Known
) -> tuple[list[Printing], str]:
    """The printings of the only possible card; or all of them, with the reason.

    Tokens and art cards have the artworks of other cards, and a database may hold only one image of
    an artwork. Finish and language, which are assumed of all cards, do not tell them apart; the
    sets may, unless the card's own image is there and resembles the picture less.
    """
    best = matches[0].face
    if all(one.digital for one in printings):
        return printings, f"it looks like {best.label}, which exists on screens only"
    cards = {_card(one) for one in printings}
    if cards == {_card(best)}:
        return printings, ""
    named = [one for one in printings if one.set in given.sets]
    if len({_card(one) for one in named}) == 1:
        card = _card(named[0])
        own = [match.score for match in matches if _card(match.face) == card]
        if not own or max(own) == matches[0].score:
            return named, ""
        return printings, f"it looks more like {best.label}, which is in none of the sets given"
    if len(cards) == 1:
        return printings, f"it looks like {best.label}, which exists on screens only"
    said = f"{len(cards)} different cards share this artwork, and it does not tell which this is"
    return named or printings, said


def _could_be(printing: Printing, matches: Sequence[Match]) -> bool:
    """Whether the best match may also show a printing: it is that one, or has the same frame."""
    best = matches[0].face
    return printing.label in {m.face.label for m in matches if m.image == matches[0].image} or (
        (printing.frame, printing.border_color, printing.full_art)
        == (best.frame, best.border_color, best.full_art)
    )


def _ranked(
    printings: Sequence[Printing], matches: Sequence[Match], read: PrintingAnswer
) -> tuple[Candidate, ...]:
    """Printings with the scores of their own images: the most probable first, then the best."""
    own = {match.face.label: match.score for match in reversed(matches)}
    best = matches[0].score if matches else 0.0
    scored = [(one, own.get(one.label, best)) for one in printings]
    likely = {one.printing.label: one.probability for one in reversed(read.candidates)}

    def order(one: Candidate) -> tuple[float, float, bool]:
        label = one[0].label
        return -likely.get(label, 0.0), -one[1], label not in own

    return tuple(sorted(scored, key=order))


def _card(printing: CardFace | Printing) -> str:
    """The id of a printing's card; a printing without one is a card of its own."""
    return printing.oracle_id or printing.scryfall_id


def _printings(matches: Sequence[Match], given: Known) -> list[Printing]:
    """The printings that share the artwork of matches; only those on paper, if there are any.

    Scryfall lists a printing in one language, nearly always English. If the matched image is in the
    wanted language, its own record stands for the printing.
    """
    pool: dict[str, Printing] = {}
    for match in matches:
        own = match.face.printing
        for printing in match.printings:
            pool.setdefault(printing.label, printing)
        if own.label not in pool or own.lang == (given.lang or own.lang):
            pool[own.label] = own
    return [one for one in pool.values() if not one.digital] or list(pool.values())
