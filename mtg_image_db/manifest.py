"""The manifest of a database: what made it, how, and the digest of each part."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mtg_image_db.encoders import EncoderChoice, Fingerprint
from mtg_image_db.errors import DatabaseError
from mtg_image_db.files import read_json_object
from mtg_image_db.recognise.verdict import Thresholds

MANIFEST = "build_manifest.json"
MANIFEST_VERSION = "1.0.0"


@dataclass(frozen=True)
class Manifest:
    """What `build_manifest.json` says of a database, as far as opening it needs.

    Parameters
    ----------
    faces, entries, index_entries
        N rows, U distinct vectors; the index may have further entries whose faces are gone.
    outputs
        Size in bytes and SHA-256 of each part, by file name.
    thresholds
        What the encoder's scores mean; None where nobody measured it.
    raw
        The whole manifest.
    """

    fingerprint: Fingerprint
    choice: EncoderChoice
    faces: int
    entries: int
    index_entries: int
    ef_search: int
    outputs: dict[str, tuple[int, str]]
    thresholds: Thresholds | None
    raw: dict[str, Any] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest; raises DatabaseError where it is damaged or of a newer version."""
        raw = read_json_object(path)
        if raw is None:
            raise DatabaseError.damaged(path, "it is missing or no valid JSON")
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
            chosen = raw["encoder"]["choice"]
            size = chosen["size"]
            thresholds = raw["encoder"].get("thresholds")
            return cls(
                fingerprint=Fingerprint.from_json(raw["encoder"]["fingerprint"]),
                choice=EncoderChoice(**{**chosen, "size": tuple(size) if size else None}),
                faces=int(raw["statistics"]["faces"]),
                entries=int(raw["statistics"]["entries"]),
                index_entries=int(raw["statistics"]["index_entries"]),
                ef_search=int(raw["parameters"]["hnsw_ef_search"]),
                outputs={
                    str(name): (int(part["bytes"]), str(part["sha256"]))
                    for name, part in raw["outputs"].items()
                },
                thresholds=Thresholds(**thresholds) if thresholds else None,
                raw=raw,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DatabaseError.damaged(path, f"{type(error).__name__}: {error}") from error

    def check_encoder(self, theirs: Fingerprint) -> None:
        """Raise a DatabaseError unless an encoder's vectors compare with the database's."""
        if theirs.digest != self.fingerprint.digest:
            before, now = self.fingerprint.to_json(), theirs.to_json()
            differing = [name for name in before if before[name] != now[name]]
            raise DatabaseError(
                "The encoder is not the one this database was built with",
                details=f"they differ in {', '.join(differing)}",
                suggestion="Name the weights it was built with, or build the database again.",
            )


def manifest_choice(choice: EncoderChoice) -> dict[str, Any]:
    """How an encoder is named in a manifest: a local file by its full path, any device."""
    values = asdict(choice)
    if Path(choice.pretrained).is_file():
        values["pretrained"] = str(Path(choice.pretrained).resolve())
    values["device"] = "auto"
    return values
