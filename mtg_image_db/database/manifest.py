"""The manifest of a database: what built it, how, and the digest of each part."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mtg_image_db.encoders import EncoderChoice, Fingerprint
from mtg_image_db.errors import DatabaseError
from mtg_image_db.system.files import read_json_object

MANIFEST = "build_manifest.json"
MANIFEST_VERSION = "1.0.0"
MOST_EF_SEARCH = 65536
"""Most candidates that the index examines for a query. By hand."""


@dataclass(frozen=True)
class Manifest:
    """The parts of `build_manifest.json` that are needed to open a database.

    Parameters
    ----------
    path
        The manifest's file.
    built
        The time of the build, in UTC.
    faces, entries, index_entries
        N rows; U distinct vectors; entries of the index, which may include removed faces.
    outputs
        Size in bytes and SHA-256 of each part, by file name.
    raw
        The whole manifest.
    """

    path: Path
    built: datetime
    fingerprint: Fingerprint
    choice: EncoderChoice
    precision: str
    faces: int
    entries: int
    index_entries: int
    hnsw_m: int
    hnsw_ef_construction: int
    ef_search: int
    outputs: dict[str, tuple[int, str]]
    raw: dict[str, Any] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest; raises DatabaseError if it is damaged or of another version."""
        # A pipe or a device in its place would be read for ever.
        raw = read_json_object(path) if path.is_file() else None
        if raw is None:
            raise DatabaseError.damaged(path, "it is missing or not valid JSON")
        return cls.of(raw, path)

    @classmethod
    def of(cls, raw: dict[str, Any], path: Path) -> Manifest:
        """Make it of its JSON types; raises DatabaseError if these are not those of a manifest."""
        version = raw.get("version")
        if (
            not isinstance(version, str)
            or version.split(".")[0] != MANIFEST_VERSION.split(".", maxsplit=1)[0]
        ):
            raise DatabaseError(
                "The database was made by another version of mtg-db",
                details=f"{path}: version {version}, this one reads {MANIFEST_VERSION}",
                suggestion="Update the package, or build the database again.",
            )
        try:
            encoder, counts, parameters = raw["encoder"], raw["statistics"], raw["parameters"]
            return cls(
                path=path,
                built=datetime.fromisoformat(raw["timestamp"]).astimezone(timezone.utc),
                fingerprint=Fingerprint.from_json(encoder["fingerprint"]),
                choice=EncoderChoice.from_json(encoder["choice"]),
                precision=str(encoder["precision"]),
                faces=_whole(counts["faces"]),
                entries=_whole(counts["entries"]),
                index_entries=_whole(counts["index_entries"]),
                hnsw_m=_whole(parameters["hnsw_m"]),
                hnsw_ef_construction=_whole(parameters["hnsw_ef_construction"]),
                ef_search=_whole(parameters["hnsw_ef_search"], MOST_EF_SEARCH),
                outputs={
                    _name(name): (_whole(part["bytes"], 1 << 62), str(part["sha256"]))
                    for name, part in raw["outputs"].items()
                },
                raw=raw,
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise DatabaseError.damaged(path, f"{type(error).__name__}: {error}") from error

    def check_sizes(self) -> None:
        """Raise a DatabaseError unless each part exists and has its recorded size."""
        for name, (size, _) in self.outputs.items():
            part = self.path.with_name(name)
            try:
                found = part.stat()
            except (FileNotFoundError, NotADirectoryError):
                raise DatabaseError.damaged(part, "it is missing") from None
            if not stat.S_ISREG(found.st_mode):
                raise DatabaseError.damaged(part, "it is not a regular file")
            if found.st_size != size:
                raise DatabaseError.damaged(
                    part, f"{found.st_size} bytes, where the manifest says {size}"
                )

    def check_encoder(self, theirs: Fingerprint) -> None:
        """Raise a DatabaseError unless an encoder has the database's fingerprint."""
        if theirs.digest != self.fingerprint.digest:
            before, now = self.fingerprint.to_json(), theirs.to_json()
            differing = [name for name in before if before[name] != now[name]]
            raise DatabaseError(
                "The encoder is not the one this database was built with",
                details=f"they differ in {', '.join(differing)} ({self.path})",
                suggestion="Name the weights it was built with, or build the database again.",
            )


def _whole(value: object, most: int = (1 << 31) - 1) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f"{value!r} is not a count")
    return value


def _name(value: str) -> str:
    """A file's name, checked not to be a path: nothing outside the folder is ever opened."""
    if value != Path(value).name or not value.isprintable():
        raise ValueError(f"{value!r} is not a file name")
    return value
