"""A shop of invented cards, and `mtg-db serve` over it."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from conftest import fill_cache, jpeg
from coverage import Coverage
from PIL import Image

from mtg_image_db import BuildOptions, build_database
from mtg_image_db.demo.cards import sample_cards
from mtg_image_db.scryfall_double.double import ScryfallDouble

PATIENCE_S = 120
"""How long anything may take before a test gives up: against hangs, not against busy machines."""


@dataclass(frozen=True)
class Shop:
    """A database of the demo's cards, with its cache, and a picture of each card.

    Parameters
    ----------
    pictures
        The fronts by their Scryfall ids, in the order of the cards, without digital ones.
    names
        Their names.
    """

    folder: Path
    pictures: dict[str, Image.Image]
    names: dict[str, str]


def name_of(entry: dict[str, Any]) -> str:
    """The name of a card that was taken, also where its printing is not sure."""
    printing = entry["card"] or entry["candidates"][0]
    return str(printing["name"])


def make_shop(folder: Path, count: int) -> Shop:
    """Download and build a database of so many of the demo's cards."""
    cards = sample_cards(count)
    images = {
        f"{sample.card['id']}/{side}": jpeg(face)
        for sample in cards
        for side, face in zip(("front", "back"), sample.faces, strict=False)
    }
    with ScryfallDouble([sample.card for sample in cards], images) as double:
        fill_cache(double, folder / "image_cache")
    build_database(BuildOptions(cache=folder / "image_cache", out=folder / "index_out"))
    paper = [sample for sample in cards if not sample.card["digital"]]
    return Shop(
        folder,
        {sample.card["id"]: sample.faces[0] for sample in paper},
        {sample.card["id"]: sample.card["name"] for sample in paper},
    )


def covered(card: Image.Image) -> Image.Image:
    """The card with a thumb over its collector line."""
    card = card.copy()
    card.paste((20, 20, 20), (0, card.height * 93 // 100, *card.size))
    return card


class Server:
    """`mtg-db serve` in a process of its own, on a free port unless one is given.

    Attributes
    ----------
    url
        Its address.
    """

    def __init__(self, shop: Path, collection: Path, *options: str, port: int = 0) -> None:
        command = [
            *(sys.executable, *_measured(collection.with_suffix(".coveragerc"))),
            *("-m", "mtg_image_db", "serve", "--port", str(port)),
            *("--db", str(shop / "index_out"), "--cache", str(shop / "image_cache")),
            *("--collection", str(collection), *options),
        ]
        self._log = collection.with_suffix(".log")
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip().rstrip("/")
        assert self.url, self.said
        self.port = urlsplit(self.url).port or 0

    @property
    def said(self) -> str:
        """What it has written on standard error, and the servers of this collection before it."""
        return self._log.read_text("utf-8")

    def read(self, path: str) -> bytes:
        """What is at an address."""
        answer = requests.get(self.url + path, timeout=PATIENCE_S)
        answer.raise_for_status()
        return answer.content

    def get(self, path: str) -> Any:
        """The JSON at an address of the API."""
        return json.loads(self.read(path))

    def post(self, path: str, body: bytes = b"") -> Any:
        """What the API answers to these bytes."""
        answer = requests.post(self.url + path, data=body, timeout=PATIENCE_S)
        answer.raise_for_status()
        return answer.json()

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self._end(signal.SIGINT)

    def _end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        self.process.communicate(timeout=PATIENCE_S)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()


def _measured(settings: Path) -> list[str]:
    """What Python is told so that the server counts in the coverage, if that is measured here."""
    if (current := Coverage.current()) is None:
        return []
    data = Path(str(current.get_option("run:data_file"))).absolute()
    # A server ends by `os._exit` after Ctrl-C.
    settings.write_text(
        f"[run]\nbranch = true\nparallel = true\nsource = mtg_image_db\npatch = _exit\n"
        f"data_file = {data}\n"
    )
    return ["-m", "coverage", "run", f"--rcfile={settings}"]


def frame(*cards: Image.Image) -> bytes:
    """A picture of cards side by side on a table."""
    table = Image.new("RGB", (1280, 720), (70, 90, 80))
    for number, card in enumerate(cards):
        small = card.convert("RGB").resize((360, 502))
        table.paste(small, (120 + 540 * number, 100))
    return jpeg(table)


def first(shop: Shop, number: int = 0) -> Image.Image:
    return list(shop.pictures.values())[number]


def ask(server: Server, method: str, path: str, **more: Any) -> requests.Response:
    return requests.request(method, server.url + path, timeout=PATIENCE_S, **more)


def raw(server: Server, method: str, path: str, *headers: tuple[str, str]) -> tuple[int, bytes]:
    """A request with exactly these headers."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        reply = connection.getresponse()
        return reply.status, reply.read()


def error(reply: requests.Response) -> dict[str, str]:
    return dict(reply.json()["error"])
