"""mtg-image-db says which Magic card a picture shows.

The public names; everything else is private by convention.

Examples
--------
>>> import mtg_image_db
>>> database = mtg_image_db.Database.open("index_out")  # doctest: +SKIP
>>> [card] = database.query("photo.jpg", k=3)  # doctest: +SKIP
>>> print(card.matches[0].face.name, card.matches[0].score)  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from mtg_image_db.building.options import BuildOptions, BuildSummary
    from mtg_image_db.building.run import build_database
    from mtg_image_db.building.update import UpdateSummary, update_database
    from mtg_image_db.database.answers import CardAnswer, Match, Recognition
    from mtg_image_db.database.database import Database
    from mtg_image_db.download.images import download_images
    from mtg_image_db.download.options import DownloadOptions, DownloadSummary
    from mtg_image_db.encoders import EncoderChoice
    from mtg_image_db.errors import (
        DatabaseError,
        EncoderError,
        ExportError,
        HostDownError,
        ImageError,
        InternalError,
        InvalidArguments,
        MissingInput,
        MtgDbError,
        NetworkError,
        NetworkSetupError,
        NothingUsable,
        PostgresError,
        SnapshotError,
        StorageError,
        StorageWarning,
    )
    from mtg_image_db.reading.answer import PrintingAnswer, PrintingCandidate, Reading
    from mtg_image_db.scryfall.faces import CardFace, FaceFilter
    from mtg_image_db.scryfall.printing import Printing
    from mtg_image_db.system.progress import Progress

_HOMES = {
    "mtg_image_db.building.options": ("BuildOptions", "BuildSummary"),
    "mtg_image_db.building.run": ("build_database",),
    "mtg_image_db.building.update": ("UpdateSummary", "update_database"),
    "mtg_image_db.database.answers": ("CardAnswer", "Match", "Recognition"),
    "mtg_image_db.database.database": ("Database",),
    "mtg_image_db.database.publish": ("publish_database",),
    "mtg_image_db.download.options": ("DownloadOptions", "DownloadSummary"),
    "mtg_image_db.download.images": ("download_images",),
    "mtg_image_db.encoders": ("EncoderChoice",),
    "mtg_image_db.errors": (
        "DatabaseError",
        "EncoderError",
        "ExportError",
        "HostDownError",
        "ImageError",
        "InternalError",
        "InvalidArguments",
        "MissingInput",
        "MtgDbError",
        "NetworkError",
        "NetworkSetupError",
        "NothingUsable",
        "PostgresError",
        "SnapshotError",
        "StorageError",
        "StorageWarning",
    ),
    "mtg_image_db.reading.answer": ("PrintingAnswer", "PrintingCandidate", "Reading"),
    "mtg_image_db.scryfall.faces": ("CardFace", "FaceFilter"),
    "mtg_image_db.scryfall.printing": ("Printing",),
    "mtg_image_db.system.progress": ("Progress",),
}

__all__ = [
    "BuildOptions",
    "BuildSummary",
    "CardAnswer",
    "CardFace",
    "Database",
    "DatabaseError",
    "DownloadOptions",
    "DownloadSummary",
    "EncoderChoice",
    "EncoderError",
    "ExportError",
    "FaceFilter",
    "HostDownError",
    "ImageError",
    "InternalError",
    "InvalidArguments",
    "Match",
    "MissingInput",
    "MtgDbError",
    "NetworkError",
    "NetworkSetupError",
    "NothingUsable",
    "PostgresError",
    "Printing",
    "PrintingAnswer",
    "PrintingCandidate",
    "Progress",
    "Reading",
    "Recognition",
    "SnapshotError",
    "StorageError",
    "StorageWarning",
    "UpdateSummary",
    "__version__",
    "build_database",
    "download_images",
    "publish_database",
    "update_database",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that importing the package costs nothing."""
    import importlib

    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, including those not yet used."""
    return sorted({*globals(), *__all__})
