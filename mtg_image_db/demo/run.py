"""The demo's stage: invented cards, and a Scryfall double that misbehaves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mtg_image_db.building.options import BuildOptions
from mtg_image_db.database.database import Database
from mtg_image_db.demo.cards import sample_cards
from mtg_image_db.demo.distort import as_photographed
from mtg_image_db.download.options import DownloadOptions
from mtg_image_db.errors import StorageError
from mtg_image_db.pages.page import jpeg, small_jpeg
from mtg_image_db.pages.sheet import SheetEntry, contact_sheet
from mtg_image_db.scryfall.faces import FaceFilter
from mtg_image_db.scryfall_double import faults
from mtg_image_db.scryfall_double.double import ScryfallDouble
from mtg_image_db.system.files import atomic_write, make_folder, storage_errors

_MARK = ".mtg-db-demo"


@dataclass(frozen=True)
class Stage:
    """Everything a demo needs, inside one folder.

    Parameters
    ----------
    pictures, foils
        Pictures by the double's names: of all cards, and of foil copies of cards in both finishes.
    """

    folder: Path
    pictures: dict[str, Image.Image]
    foils: dict[str, Image.Image]
    double: ScryfallDouble

    def download_options(self) -> DownloadOptions:
        """A real download from the double, with short waits, since it is not Scryfall."""
        return DownloadOptions(
            cache=self.folder / "image_cache",
            kind="default_cards",
            api_url=self.double.url,
            wanted=FaceFilter(),
            backoff_factor=0.2,
            rate_limit_floor=1.0,
            refresh=True,
        )

    def build_options(self) -> BuildOptions:
        """A real build."""
        return BuildOptions(cache=self.folder / "image_cache", out=self.folder / "index_out")


@dataclass(frozen=True)
class Questions:
    """The results of the queries with a distorted copy of each card.

    Parameters
    ----------
    right
        How many copies were named correctly. The same artwork in two printings counts as one card
        unless the answer says which printing it is.
    exact, group, finish, lang
        For each copy of which one printing, a few printings, a finish or a language was named,
        whether rightly.
    """

    asked: int
    right: int
    exact: tuple[bool, ...]
    group: tuple[bool, ...]
    finish: tuple[bool, ...]
    lang: tuple[bool, ...]
    sheet: Path


@contextmanager
def demo_stage(folder: Path, count: int = 64) -> Iterator[Stage]:
    """Draw cards and start a double that serves them, with one fault of each common kind.

    Raises
    ------
    StorageError
        The folder has files that are not from a demo.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise StorageError(
            f"{folder} is not empty, and was not made by a demo",
            suggestion="Name another folder.",
        )
    make_folder(folder)
    with suppress(FileExistsError), storage_errors(folder):
        (folder / _MARK).open("xb").close()
    cards = sample_cards(count)
    pictures = _pictures((sample.card["id"], sample.faces) for sample in cards)
    foils = _pictures((sample.card["id"], sample.foil_faces) for sample in cards)
    images = {key: jpeg(picture, 90) for key, picture in pictures.items()}
    with ScryfallDouble([sample.card for sample in cards], images, retry_after=1) as double:
        plain = [s.card["id"] for s in cards if len(s.faces) == 1 and not s.card.get("digital")]
        double.inject(plain[3], faults.too_many_requests(1))
        double.inject(plain[8], faults.truncated(0.5))
        double.inject(plain[13], faults.html_page())
        double.inject(plain[18], faults.not_found(times=None))
        yield Stage(folder, pictures, foils, double)


def ask(stage: Stage, database: Database) -> Questions:
    """Query a distorted copy of every card in the database, and draw the contact sheet.

    Every other card that exists in both finishes is photographed as a foil.
    """
    photos = make_folder(stage.folder / "photos")
    entries: list[SheetEntry] = []
    exact, group, finish, lang = list[bool](), list[bool](), list[bool](), list[bool]()
    for number, face in enumerate(database.faces()):
        key = picture_key(face.face_id)
        foil = key in stage.foils and number % 2 == 0
        photo = as_photographed((stage.foils if foil else stage.pictures)[key], seed=number)
        path = photos / f"{face.set}-{number:03d}{'-foil' * foil}.jpg"
        with atomic_write(path, durable_name=False) as stream:
            stream.write(jpeg(photo, 90))
        recognition = database.recognise(path, k=1)
        [answer] = recognition.cards
        strip = recognition.strip(answer)
        best, printing = answer.matches[0].face, answer.printing
        named = answer.verdict != "none" and best.illustration_id == face.illustration_id
        listed = [candidate.printing.scryfall_id for candidate in printing.candidates]
        if printing.verdict == "exact":
            exact.append(listed[0] == face.scryfall_id)
            named = named and exact[-1]
        elif printing.verdict == "group":
            group.append(face.scryfall_id in listed)
        if printing.finish.known:
            finish.append(printing.finish.value == ("foil" if foil else face.finishes[0]))
        if printing.lang.known:
            lang.append(printing.lang.value == face.lang)
        entries.append(
            SheetEntry(
                path.name,
                answer,
                query=small_jpeg(photo),
                match=small_jpeg(stage.pictures[picture_key(best.face_id)]),
                right=named,
                strip=small_jpeg(strip) if strip else b"",
            )
        )
    right = sum(entry.right for entry in entries)
    heading = f"mtg-db demo: {right} of {len(entries)} distorted copies named (left: query)"
    sheet = stage.folder / "contact_sheet.png"
    with atomic_write(sheet) as stream:
        contact_sheet(entries, heading).save(stream, "PNG")
    return Questions(
        asked=len(entries),
        right=right,
        exact=tuple(exact),
        group=tuple(group),
        finish=tuple(finish),
        lang=tuple(lang),
        sheet=sheet,
    )


def picture_key(face_id: str) -> str:
    """The double's name of a face's picture: ``<id>/front`` or ``<id>/back``."""
    card_id, _, position = face_id.partition(":face:")
    return f"{card_id}/{'back' if position == '1' else 'front'}"


def _pictures(cards: Iterable[tuple[str, tuple[Image.Image, ...]]]) -> dict[str, Image.Image]:
    return {
        f"{card_id}/{side}": picture
        for card_id, faces in cards
        for side, picture in zip(("front", "back"), faces, strict=False)
    }
