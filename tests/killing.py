"""Kills a server while cards are taken, and says what clients were told and what is there."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import requests
from conftest import jpeg
from served import PATIENCE_S, Server, Shop, name_of

from mtg_image_db.demo.camera import camera_frame

_MOST_REQUESTS = 8
"""A server is killed during one of so many requests: a card takes five of them, a photo one."""
_LOOKS_AT_NOTHING = 3
"""After so many looks at an empty table, its card has surely left the picture."""
_PAUSE_S = 0.05
"""How long a client waits before it asks a server again that did not answer: the machine has
better things to do than to refuse connections."""


@dataclass(frozen=True)
class Outcome:
    """What clients were told while servers were killed, and what is there.

    Parameters
    ----------
    told
        Of each card, in order: photo and name, as a client was told that it was taken.
    kept
        The same of each card that the collection holds in the end.
    broken
        How many requests had no answer.
    """

    told: list[tuple[str, str]]
    kept: list[tuple[str, str]]
    broken: int


def kill_often(shop: Shop, collection: Path, kills: int, seed: int) -> tuple[Outcome, Outcome]:
    """Kill a server at random instants while a camera and photos bring cards: of each of both."""
    rng, over, traffic = random.Random(seed), threading.Event(), _Traffic()
    server = Server(shop.folder, collection)
    clients = [
        _Client(server.url, shop, cards, traffic, over) for cards in (_by_camera, _by_photos)
    ]
    for client in clients:
        client.start()
    try:
        for _ in range(kills):
            traffic.wait(rng.randint(1, _MOST_REQUESTS))
            over.wait(rng.uniform(0, traffic.seconds))
            server.kill()
            server = Server(shop.folder, collection, port=server.port)
    finally:
        over.set()
        for client in clients:
            client.join()
        entries = server.get("/api/entries")["entries"]
        server.kill()
    kept = [(str(entry["photo"]), name_of(entry)) for entry in entries]
    camera, photos = (
        Outcome(
            client.told,
            [one for one in kept if (one[0] == "camera") == (client is clients[0])],
            client.broken,
        )
        for client in clients
    )
    return camera, photos


class _Traffic:
    """The requests of all clients.

    Attributes
    ----------
    seconds
        How long the last answer took.
    """

    def __init__(self) -> None:
        self.seconds = 1.0
        self._begun = 0
        self._changed = threading.Condition()

    def begin(self) -> float:
        """Note that a request begins: now."""
        with self._changed:
            self._begun += 1
            self._changed.notify_all()
        return time.perf_counter()

    def answered(self, began: float) -> None:
        """Note that it was answered."""
        self.seconds = time.perf_counter() - began

    def wait(self, requests: int) -> None:
        """Wait until so many more have begun."""
        with self._changed:
            wanted = self._begun + requests
            self._changed.wait_for(lambda: self._begun >= wanted, timeout=PATIENCE_S)


class _Client(threading.Thread):
    """Brings cards, and asks again whenever a server dies before it answers.

    Attributes
    ----------
    told
        Photo and name of each card that was taken, as far as this client knows.
    broken
        How many requests had no answer.
    """

    def __init__(
        self,
        url: str,
        shop: Shop,
        cards: Callable[[_Client], Iterator[tuple[str, str]]],
        traffic: _Traffic,
        over: threading.Event,
    ) -> None:
        super().__init__()
        self.shop = shop
        self.told: list[tuple[str, str]] = []
        self.broken = 0
        self._url, self._cards, self._traffic, self._over = url, cards, traffic, over

    def run(self) -> None:
        for card in self._cards(self):
            self.told.append(card)

    def over(self) -> bool:
        """Whether to bring no more cards."""
        return self._over.is_set()

    def post(self, path: str, picture: bytes) -> Any:
        """Send a picture until it is answered."""
        while True:
            began = self._traffic.begin()
            try:
                answer = requests.post(self._url + path, data=picture, timeout=PATIENCE_S)
            except requests.RequestException:
                self.broken += 1
                time.sleep(_PAUSE_S)
            else:
                self._traffic.answered(began)
                answer.raise_for_status()
                return answer.json()


def _by_camera(client: _Client) -> Iterator[tuple[str, str]]:
    """Show one card after the other, each until it is taken, and then an empty table.

    Every third card is another copy of the one before.
    """
    cards, known = list(client.shop.pictures.items()), set[int]()
    for number in count():
        if client.over():
            return
        card_id, picture = cards[(number - number % 3 // 2) % len(cards)]
        frame = jpeg(camera_frame([picture], number))
        while True:
            looked = client.post("/api/look?camera=kills", frame)["cards"]
            entries = {card["entry"] for card in looked} - {None}
            if entries - known:
                break
            if entries:
                # A server that has just been started takes this copy for the one before, and says
                # "taken already". So a person lifts it, and lays it down again.
                _clear(client)
        known |= entries
        yield "camera", client.shop.names[card_id]
        _clear(client)


def _clear(client: _Client) -> None:
    """Show an empty table, until no server can think that a card still lies there."""
    nothing, looks = jpeg(camera_frame([])), 0
    while looks < _LOOKS_AT_NOTHING:
        broken = client.broken
        client.post("/api/look?camera=kills", nothing)
        # A server that has just been started knows of no look before.
        looks = looks + 1 if client.broken == broken else 1


def _by_photos(client: _Client) -> Iterator[tuple[str, str]]:
    """Send photos of two cards each, no two of the same cards."""
    cards = list(client.shop.pictures.items())
    for number in count():
        if client.over():
            return
        step, first = divmod(number, len(cards))
        pair = [cards[first], cards[(first + step + 1) % len(cards)]]
        photo = f"{number}.jpg"
        picture = jpeg(camera_frame([picture for _, picture in pair], number))
        client.post(f"/api/photos?name={photo}", picture)
        for card_id, _ in pair:
            yield photo, client.shop.names[card_id]
