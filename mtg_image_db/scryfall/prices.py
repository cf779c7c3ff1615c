"""The prices of a printing, as a snapshot had them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, get_args

Currency = Literal["usd", "eur", "tix"]
CURRENCIES: tuple[Currency, ...] = get_args(Currency)
"""US dollars, euros, and the tickets of Magic Online."""

_PRICE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,4})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ENDINGS = {"nonfoil": "", "foil": "_foil", "etched": "_etched"}


@dataclass(frozen=True, slots=True)
class Prices:
    """Scryfall's prices of one printing (https://scryfall.com/docs/api/cards).

    Each is a decimal number as text, or empty where Scryfall has none. `date` is the day of the
    snapshot (``2026-09-08``, UTC), and empty if there are no prices.
    """

    usd: str = ""
    usd_foil: str = ""
    usd_etched: str = ""
    eur: str = ""
    eur_foil: str = ""
    eur_etched: str = ""
    tix: str = ""
    date: str = ""

    def of(self, finish: str, currency: Currency) -> Decimal | None:
        """The price of one card; None if it is not known.

        Parameters
        ----------
        finish
            ``nonfoil``, ``foil`` or ``etched``. Tickets do not ask for it.
        """
        text = getattr(self, currency + ("" if currency == "tix" else _ENDINGS[finish]))
        return Decimal(text) if text else None

    def record(self) -> dict[str, str]:
        """The prices as JSON types; those that are not known are left out."""
        return {name: text for name in self.__slots__ if (text := getattr(self, name))}


def read_prices(record: Mapping[str, Any], key: str = "prices", date: str = "") -> Prices:
    """Read the prices of a card object, or of a line of metadata; what is no price is left out.

    Parameters
    ----------
    date
        The day of the snapshot; empty for the one that stands among the prices.
    """
    found = record.get(key)
    if not isinstance(found, Mapping):
        return NO_PRICES
    known = {name: str(found[name]) for name in _KEYS if _fits(_PRICE, found.get(name))}
    day = date or found.get("date")
    return Prices(**known, date=str(day) if _fits(_DATE, day) else "") if known else NO_PRICES


def _fits(pattern: re.Pattern[str], text: object) -> bool:
    return isinstance(text, str) and pattern.fullmatch(text) is not None


_KEYS = tuple(name for name in Prices.__slots__ if name != "date")
NO_PRICES = Prices()
