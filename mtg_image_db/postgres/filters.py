"""A filter of faces as conditions in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mtg_image_db.scryfall.faces import FaceFilter

COLUMNS = ("set", "lang", "rarity", "layout")
"""The columns that a filter may restrict, as keys of a record too."""


def shown_by(filters: Sequence[FaceFilter], generation: int) -> tuple[str, dict[str, Any]]:
    """The condition that a face `f` passes all filters, and its parameters.

    A wanted printing without a face of its own counts for the faces that have its artwork: see
    `database.printings.rows_that_show`.
    """
    conditions, parameters = ["true"], {}
    for number, wanted in enumerate(filters):
        names = {key: f"wanted{number}_{key}" for key in wanted.codes}
        parameters.update({names[key]: sorted(wanted.codes[key]) for key in names})

        def of(row: str, names: dict[str, str] = names, wanted: FaceFilter = wanted) -> str:
            some = [f'{row}."{key}" = ANY(%({name})s)' for key, name in names.items()]
            return " AND ".join(
                [*some, *([] if wanted.include_digital else [f"NOT {row}.digital"])]
            )

        own = of("f") or "true"
        conditions.append(
            f"""({own} OR (f.artwork <> '' AND EXISTS (
                SELECT FROM mtg_db.printing AS p WHERE p.artwork = f.artwork
                AND {there("p", generation)} AND {of("p") or "true"} AND NOT EXISTS (
                    SELECT FROM mtg_db.face AS o WHERE o.face_id = p.face_id
                    AND {there("o", generation)} AND {of("o") or "true"}
                )
            )))"""
        )
    return " AND ".join(conditions), parameters


def there(row: str, generation: int) -> str:
    """The condition that a generation has a row."""
    return f"{row}.since <= {generation:d} AND {generation:d} < {row}.until"
