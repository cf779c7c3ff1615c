"""A page of errors: photos with missed cards or wrong answers, beside the true cards."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from mtg_image_db.database.answers import Recognition
from mtg_image_db.errors import InvalidArguments
from mtg_image_db.evaluation.scores import PhotoResult, read_figures
from mtg_image_db.pages.overlay import find_report
from mtg_image_db.pages.page import jpeg, page
from mtg_image_db.recognise.photo import Photo
from mtg_image_db.system.files import atomic_write, make_folder

if TYPE_CHECKING:
    from PIL import Image

PAGE = "index.html"
_TITLE = "photos in which something went wrong"

_STYLE = """\
section { border-top: 1px solid #8886; padding: 1.5rem 0; display: grid; gap: 1.5rem;
  grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); }
ul { margin: .5rem 0 1rem; padding-left: 1.2rem; }
article { display: flex; gap: 1rem; margin-bottom: 1rem; }
article img { width: 7.5rem; flex: none; align-self: flex-start; border: .25rem solid; }
article p { margin: 0; } article p img { width: 20rem; max-width: 100%; border: 0; }
th, td { text-align: left; padding: .2rem 1rem .2rem 0; font-size: .85rem; }
main { overflow-x: auto; } .right { border-color: #2d9d4e; } .wrong { border-color: #e0402f; }
.none { border-color: #8a8f98; } .missed { font-weight: 600; }
@media (max-width: 45rem) { section { grid-template-columns: 1fr; } }
"""
_HOW = """\
<p>These are the photos with a missed card (whose artwork is in the database) or a wrong answer.
Beside each photo are the cards that it shows; then each cut-out and its answer: with a green frame
if a card in the photo has that name, red if none has, grey if the verdict is <i>none</i>. Photos
whose labels give another printing, finish or language than was read are here as well.</p>
"""


def refuse_other_files(folder: Path) -> None:
    """Raise `InvalidArguments` if a folder has other files than a report: they could be lost."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    path = folder / PAGE
    if not path.is_file() or _TITLE.encode() not in path.read_bytes()[:1000]:
        raise InvalidArguments(
            [f"the folder {folder} has other files, which a report could replace: name another"]
        )


def write_report(outcomes: Sequence[PhotoResult], folder: str | PathLike[str]) -> int:
    """Write the page and its pictures, or raise a `StorageError`; return how many photos it has."""
    failed = [one for one in outcomes if one.missed or one.wrong or one.misread]
    folder = make_folder(Path(folder))
    sections = [_section(outcome, folder, number) for number, outcome in enumerate(failed)]
    title = f"{len(failed)} of {len(outcomes)} {_TITLE}"
    with atomic_write(folder / PAGE) as stream:
        stream.write(page(title, _STYLE, "".join([_HOW, _figures(outcomes), *sections])))
    return len(failed)


def _figures(outcomes: Sequence[PhotoResult]) -> str:
    """A table of what was read, with a column for each card height; empty without labels of it."""
    every = read_figures(outcomes)
    shown = {
        height: shares for height, shares in every.items() if any(s.of for s in shares.values())
    }
    head = "".join(f"<th>{height}" for height in shown)
    rows = "".join(
        f"<tr><th>{name.replace('_', ' ')}"
        + "".join(f"<td>{shares[name] if shares[name].of else ''}" for shares in shown.values())
        + "\n"
        for name in every["all"]
        if every["all"][name].of
    )
    what = "What was read, by pixels of card height; with 95 % intervals"
    return (
        f"<main>\n<h2>{what}</h2>\n<table>\n<tr><th>{head}\n{rows}</table></main>\n" if rows else ""
    )


def _section(outcome: PhotoResult, folder: Path, number: int) -> str:
    recognition = Recognition(Photo.open(outcome.photo.path), outcome.answers, outcome.seconds)
    _save(find_report(recognition), folder / f"{number}.jpg")
    articles = []
    for index, (answer, right) in enumerate(zip(outcome.answers, outcome.right, strict=True)):
        kind = "none" if answer.verdict == "none" else "right" if right else "wrong"
        name = f"{number}-{index}.jpg"
        _save(recognition.crop(answer), folder / name)
        lines = "".join(
            f"<br>{escape(f'{m.face.name}, {m.face.label}')}: score {m.score:.3f}"
            for m in answer.matches[:3]
        )
        read = answer.printing
        if read.summary:
            lines += "<br>" + "<br>".join(map(escape, (f"read: {read.summary}", *read.reasons)))
        if strip := recognition.strip(answer):
            _save(strip, folder / f"{number}-{index}-read.jpg")
            lines += f'<img src="{number}-{index}-read.jpg" alt="what was read">'
        how = "by its title" if answer.by_title else f"{answer.points} points"
        text = f"<b>{answer.verdict}</b>, {how}{lines}"
        articles.append(f'<article><img class="{kind}" src="{name}" alt="">\n<p>{text}</article>\n')
    missed = outcome.missed
    said = {True: "artwork in the database", False: "not in the database", None: "unsure"}
    truth = "".join(
        f"<li{' class=missed' if i in missed else ''}>{escape(card.name)}: {said[card.present]}"
        f"{', missed' if i in missed else ', named' if outcome.named(i) else ''}"
        f"{_read(outcome, i)}\n"
        for i, card in enumerate(outcome.photo.cards)
    )
    about = ", ".join(filter(None, (outcome.photo.kind, outcome.photo.conditions)))
    return (
        f'<section>\n<div><img src="{number}.jpg" alt=""></div>\n'
        f"<div><h2>{escape(outcome.photo.file)}</h2>\n<p>{escape(about)}\n<ul>\n{truth}</ul>\n"
        f"{''.join(articles)}</div>\n</section>\n"
    )


def _read(outcome: PhotoResult, card: int) -> str:
    """The labels of what a card says of itself, and what came of each."""
    label = outcome.photo.cards[card]
    return "".join(
        f"; {name} {escape(getattr(label, name))}: {came.replace('_', ' ')}"
        for name, came in outcome.read(card).items()
    )


def _save(picture: Image.Image, path: Path) -> None:
    with atomic_write(path, durable_name=False) as stream:
        stream.write(jpeg(picture))
