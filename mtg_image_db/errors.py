"""The package's exceptions.

::

    MtgDbError                 any expected error, exit code 1
    ├── InternalError          a defect of this package
    ├── InvalidArguments       an argument is wrong
    ├── NothingUsable          nothing is left to work on, exit code 2
    │   └── HostDownError      a server answers nothing but errors
    ├── MissingInput           a cache, database or file does not exist, exit code 3
    ├── NetworkError           a server could not be reached or answered wrongly
    ├── NetworkSetupError      the proxy or the certificates named here cannot be used
    ├── SnapshotError          a bulk snapshot is damaged or implausible
    ├── ImageError             a picture cannot be opened or is refused
    ├── EncoderError           an encoder cannot be loaded or used
    ├── DatabaseError          a database is damaged or does not fit the encoder
    ├── ExportError            an export cannot be written
    ├── ServingError           an address cannot be served
    ├── PostgresError          a database server cannot be reached, or refuses
    └── StorageError           the disk is full, read-only or held by another process
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar


class MtgDbError(Exception):
    """Root of every error this package raises on purpose.

    Parameters
    ----------
    message
        What happened, in one sentence.
    details
        The facts: a path, a status, a number.
    suggestion
        What the user can do about it.
    """

    category: ClassVar[str] = "Error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, details: str = "", suggestion: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.suggestion = suggestion


class InternalError(MtgDbError):
    """An error that should never happen: a defect of this package."""

    category = "Internal"


class InvalidArguments(MtgDbError):
    """One or more arguments are wrong; `problems` lists all of them."""

    category = "Invalid arguments"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class NothingUsable(MtgDbError):
    """Nothing is left to work on: every image failed, or none is valid."""

    category = "Nothing usable"
    exit_code = 2


class HostDownError(NothingUsable):
    """A server has answered nothing but errors for a while, so the run was given up."""

    category = "Network"


class MissingInput(MtgDbError):
    """A cache, a database or a file that is needed does not exist."""

    category = "Missing input"
    exit_code = 3


class NetworkError(MtgDbError):
    """A server could not be reached, or answered with an error.

    `reason` says the same in a few words, for grouping.
    """

    category = "Network"

    def __init__(
        self, message: str, *, details: str = "", suggestion: str = "", reason: str = ""
    ) -> None:
        super().__init__(message, details=details, suggestion=suggestion)
        self.reason = reason or message


class NetworkSetupError(MtgDbError):
    """The proxy, or the certificates, that the environment names cannot be used."""

    category = "Network"


class SnapshotError(MtgDbError):
    """A bulk snapshot is damaged or implausible; the old one stays in use."""

    category = "Snapshot"


class ImageError(MtgDbError):
    """A picture cannot be opened, is damaged, or is over a limit."""

    category = "Image"


class EncoderError(MtgDbError):
    """An encoder cannot be loaded, or returned vectors that cannot be used."""

    category = "Encoder"


class DatabaseError(MtgDbError):
    """A database is damaged, of another version, or does not fit the encoder."""

    category = "Database"

    @classmethod
    def replaced(cls, path: Path) -> DatabaseError:
        """Make the error for a part that has disappeared since the database was opened."""
        return cls(
            "The database was replaced by a newer one while it was read",
            details=f"{path} is gone",
            suggestion="Run the same command again.",
        )

    @classmethod
    def damaged(cls, path: Path, why: str) -> DatabaseError:
        """Make the error for a damaged part."""
        # Parts are in a generation's folder; CURRENT is beside that folder.
        out = path.parent if path.name == "CURRENT" else path.parent.parent
        return cls(
            f"The database is damaged: {path.name}",
            details=f"{path}: {why}",
            suggestion=f"Build it again: mtg-db build --out {out}; valid images are not fetched "
            "again.",
        )


class ExportError(MtgDbError):
    """An export cannot be written because a package is missing."""

    category = "Export"


class ServingError(MtgDbError):
    """An address cannot be served: the port is taken, or the machine has no network."""

    category = "Server"


class PostgresError(MtgDbError):
    """A database server cannot be reached, refuses, or lacks something."""

    category = "Database server"


class StorageError(MtgDbError):
    """The disk is full or read-only, or another process holds the folder."""

    category = "Storage"


class StorageWarning(UserWarning):
    """The disk does not confirm writes: nothing is lost, but a power cut could lose files."""


def install(extra: str) -> str:
    """How to install an extra of this package, which is not on a package index."""
    return f"in a checkout of mtg-image-db, run: pip install '.[{extra}]'"


def causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and its causes."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__
