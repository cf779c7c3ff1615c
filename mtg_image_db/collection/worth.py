"""What cards are worth, by the prices of the snapshot that named them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from mtg_image_db.collection.cards import CollectionCard
from mtg_image_db.scryfall.prices import CURRENCIES, Currency

_NAMES: dict[Currency, str] = {"usd": "USD", "eur": "EUR", "tix": "tix"}


@dataclass(frozen=True)
class Total:
    """The sum of some cards' prices in one currency.

    Parameters
    ----------
    amount
        The sum, each card as often as there are copies of it.
    unpriced
        How many cards have no price in this currency, and so are not in the sum.
    date
        The oldest day of the prices (``2026-09-08``); empty if no card has one.
    """

    amount: Decimal
    unpriced: int
    date: str


def total_of(cards: Iterable[CollectionCard], currency: Currency) -> Total:
    """Add up what cards cost in one currency."""
    amount, unpriced, dates = Decimal(0), 0, set[str]()
    for card in cards:
        price = card.price(currency)
        if price is None:
            unpriced += card.quantity
        else:
            amount += card.quantity * price
            dates.add(card.printing.prices.date)
    return Total(amount, unpriced, min(dates, default=""))


def worth(cards: Iterable[CollectionCard]) -> str:
    """All totals in a line for people; empty if no card has a price.

    Examples
    --------
    ``12.34 USD (3 without a price), 10.20 EUR, 1.50 tix; prices of 2026-09-08``
    """
    some = tuple(cards)
    count = sum(card.quantity for card in some)
    parts, dates = [], set[str]()
    for currency in CURRENCIES:
        total = total_of(some, currency)
        if total.unpriced < count:
            missing = f" ({total.unpriced:,} without a price)" if total.unpriced else ""
            parts.append(f"{total.amount:,.2f} {_NAMES[currency]}{missing}")
            dates.add(total.date)
    return f"{', '.join(parts)}; prices of {min(dates)}" if parts else ""
