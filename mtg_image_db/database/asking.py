"""Recognise many pictures by name: files, URLs, standard input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mtg_image_db.database.answers import Recognition
from mtg_image_db.database.database import Database
from mtg_image_db.errors import ImageError
from mtg_image_db.pictures.inputs import source_of
from mtg_image_db.system.cores import in_order, usable_cores


def recognise_named(
    database: Database,
    names: Iterable[str],
    k: int = 5,
    *,
    find: bool = True,
    min_score: float = -1.0,
    allow_private: bool = False,
) -> Iterator[tuple[str, Recognition | ImageError]]:
    """Name the cards in pictures; their names are those that `mtg-db query` accepts.

    Parameters
    ----------
    names
        As from `inputs.expand`. Of a sequence, one picture per core is worked on at the same time.
        Of any other iterable, each is answered before the next one is read.
    k, find, min_score
        See `Database.recognise`.
    allow_private
        Also fetch from addresses that are not public.

    Yields
    ------
    Each name, in order, with its result; an `ImageError` if the picture cannot be read.
    """

    def ask(name: str) -> Recognition | ImageError:
        try:
            source = source_of(name, allow_private=allow_private)
            return database.recognise(source, k, find=find, min_score=min_score)
        except ImageError as error:
            return error

    ahead = 2 * usable_cores() if isinstance(names, Sequence) else 0
    yield from in_order(ask, names, ahead)
