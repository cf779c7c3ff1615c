from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mtg_image_db.serving.table import Card, Seen, Table, Take

LEFT, RIGHT = (0.25, 0.5), (0.75, 0.5)


def seen(key: str, place: tuple[float, float] = (0.5, 0.5), worth: float = 0.0) -> Seen:
    return Seen(key, place, (worth,))


class Camera:
    """A table whose due cards are taken at once, as the server does."""

    def __init__(self, table: Table | None = None, take: Take = "auto") -> None:
        self.table, self.take = table or Table(), take
        self.taken: list[str] = []
        self.best: list[Seen | None] = []

    def look(self, *cards: Seen) -> list[Card | None]:
        here = self.table.look(cards)
        for card in self.table.due(here, self.take):
            self.taken.append(card.key)
            self.best.append(card.best)
            card.entry = len(self.taken)
        return here

    def looks(self, *looks: str) -> list[str]:
        """Looks as texts: each letter is a card, in its own place."""
        for text in looks:
            at = (seen(key, (0.1 + 0.2 * i, 0.5)) for i, key in enumerate(text) if key != " ")
            self.look(*at)
        return self.taken


def test_a_card_is_taken_in_its_second_look_and_only_once() -> None:
    assert Camera().looks("a") == []
    assert Camera().looks("a", "a") == ["a"]
    assert Camera().looks(*"aaaaaaaa") == ["a"]


def test_a_card_counts_again_after_it_left_the_picture() -> None:
    assert Camera().looks("a", "a", "", "", "a", "a") == ["a", "a"]


def test_one_missed_look_is_no_absence() -> None:
    assert Camera().looks("a", "a", "", "a", "a", "", "a", "a") == ["a"]
    assert Camera().looks("a", "", "a") == ["a"]


def test_another_card_in_its_place_is_taken_and_the_first_one_may_come_back() -> None:
    assert Camera().looks(*"aabbaa") == ["a", "b", "a"]


def test_a_misnamed_look_takes_nothing_even_if_it_comes_again() -> None:
    assert Camera().looks(*"aabababa") == ["a"]


def test_two_equal_cards_side_by_side_count_each() -> None:
    assert Camera().looks("aa", "aa", "aa") == ["a", "a"]
    assert Camera().looks("a", "a", "a a", "a a", "a a") == ["a", "a"]


def test_of_two_equal_cards_one_leaves_and_another_one_comes() -> None:
    assert Camera().looks("aa", "aa", "a", "a", "aa", "aa") == ["a", "a", "a"]


def test_several_cards_are_taken_each_in_its_own_second_look() -> None:
    assert Camera().looks("a", "ab", "abc", "abc") == ["a", "b", "c"]


def test_a_card_that_is_moved_stays_the_same_card() -> None:
    camera = Camera()
    for step in range(8):
        camera.look(seen("a", (0.1 + 0.1 * step, 0.5)))
    assert camera.taken == ["a"]


def test_equal_cards_keep_their_entries_by_their_places() -> None:
    camera = Camera()
    camera.look(seen("a", LEFT), seen("a", RIGHT))
    left, right = camera.look(seen("a", LEFT), seen("a", RIGHT))
    assert camera.look(seen("a", RIGHT), seen("a", LEFT)) == [right, left]


def test_something_without_a_name_at_its_place_may_be_the_card_itself() -> None:
    hidden = seen("", (0.52, 0.5))
    camera = Camera()
    for one in (seen("a"), seen("a"), hidden, hidden, hidden, seen("a"), seen("a")):
        camera.look(one)
    assert camera.taken == ["a"]
    for one in (hidden, hidden, hidden, hidden, seen("a"), seen("a")):
        camera.look(one)
    assert camera.taken == ["a", "a"]


def test_the_answer_that_is_worth_more_is_taken() -> None:
    camera = Camera()
    camera.look(seen("a", worth=2))
    camera.look(seen("a", worth=1))
    assert camera.best == [seen("a", worth=2)]


def test_by_hand_a_card_is_taken_at_once_but_not_while_it_is_held() -> None:
    camera = Camera(take="now")
    assert camera.looks("a", "a", "ab") == ["a", "b"]
    assert Camera(take="never").looks(*"aaaa") == []


def test_a_card_that_could_not_be_written_is_due_again() -> None:
    table = Table()
    table.look([seen("a")])
    assert len(table.due(table.look([seen("a")]), "auto")) == 1
    assert len(table.due(table.look([seen("a")]), "auto")) == 1


def test_cards_of_before_a_restart_are_held_until_they_leave() -> None:
    camera = Camera(Table([("a", 7)]))
    assert [card.entry for card in camera.look(seen("a")) if card] == [7]
    assert camera.looks("a", "b", "b", "a", "a") == ["b", "a"]


def test_another_look_is_wanted_until_all_is_settled() -> None:
    camera = Camera()
    wanted = []
    for look in ("", "a", "a", "a", "", ""):
        camera.looks(look)
        wanted.append(camera.table.wants_another_look("auto"))
    assert wanted == [False, True, False, False, True, False]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcd"),
            st.integers(2, 6),  # looks while it lies there
            st.integers(0, 4),  # which of them misses it, if it is in between
            st.integers(2, 4),  # looks without it afterwards
        ),
        max_size=12,
    ),
    st.randoms(),
)
def test_any_row_of_cards_is_taken_in_order_none_twice_and_none_missing(
    row: list[tuple[str, int, int, int]], random: object
) -> None:
    camera = Camera()
    for key, looks, missed, gap in row:
        for number in range(looks):
            jitter = random.uniform(-0.04, 0.04)  # type: ignore[attr-defined]
            between = 0 < number < looks - 1
            here = [] if between and number == missed else [seen(key, (0.5 + jitter, 0.5))]
            camera.look(*here)
        for _ in range(gap):
            camera.look()
    assert camera.taken == [key for key, *_ in row]
