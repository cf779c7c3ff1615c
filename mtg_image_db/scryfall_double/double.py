"""An imitation of Scryfall on loopback, for the tests and the offline demonstration.

One server plays the three hosts that a client uses: api.scryfall.com (``/bulk-data``),
data.scryfall.io (``/file/...``) and cards.scryfall.io (``/cards/...``). It follows the
documentation at https://scryfall.com/docs/api, .../docs/api/bulk-data, .../docs/api/images and
.../docs/api/rate-limits.
"""

from __future__ import annotations

import io
import math
import re
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from urllib.parse import parse_qs

from mtg_image_db.scryfall_double.faults import Fault
from mtg_image_db.scryfall_double.loopback import LoopbackServer
from mtg_image_db.scryfall_double.replies import (
    NOT_FOUND,
    Reply,
    conditional,
    file_reply,
    html_reply,
    improper_reply,
    json_reply,
    rate_limited_reply,
)
from mtg_image_db.scryfall_double.snapshots import (
    FIRST_SNAPSHOT,
    SNAPSHOT_STEP,
    Card,
    ServedSnapshot,
    card_lines,
)

# Requests that were already on their way when a 429 was sent are not counted as violations.
_IN_FLIGHT_S = 0.25
# Ten requests per second, with a little tolerance for the timers of a busy machine.
_RATE, _RATE_WINDOW_S = 10, 0.95

# Size, side, the id (after its own first two letters), file extension.
_IMAGE_PATH = re.compile(r"/cards/(\w+)/(front|back)/(\w)/(\w)/(\3\4[\w-]+)\.(\w+)")

# Size in pixels, file extension, and the part of the card shown (left, top, right,
# bottom as fractions); see https://scryfall.com/docs/api/images.
_WHOLE = (0.0, 0.0, 1.0, 1.0)
_NO_BORDER = (0.03, 0.025, 0.97, 0.975)
_ARTWORK = (0.08, 0.11, 0.92, 0.55)
IMAGE_SIZES: Mapping[str, tuple[tuple[int, int], str, tuple[float, float, float, float]]] = {
    "small": ((146, 204), "jpg", _WHOLE),
    "normal": ((488, 680), "jpg", _WHOLE),
    "large": ((672, 936), "jpg", _WHOLE),
    "png": ((745, 1040), "png", _WHOLE),
    "border_crop": ((480, 680), "jpg", _NO_BORDER),
    "art_crop": ((626, 457), "jpg", _ARTWORK),
    "thumb": ((146, 204), "webp", _WHOLE),
    "grid": ((488, 680), "webp", _WHOLE),
    "display": ((672, 936), "webp", _WHOLE),
    "crop": ((480, 680), "webp", _NO_BORDER),
    "art": ((626, 457), "webp", _ARTWORK),
}
_MIME = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


@dataclass(frozen=True)
class RequestRecord:
    """One request that the double answered.

    `time` is its arrival (monotonic), `path` includes the query string, `status` is 0 if the
    connection was reset, and the names in `headers` are lower-case.
    """

    time: float
    path: str
    status: int
    headers: Mapping[str, str]


@dataclass
class _LockOut:
    since: float
    until: float


class ScryfallDouble:
    """Scryfall on loopback: bulk data, card images, etiquette, and faults on demand.

    Parameters
    ----------
    cards
        The card objects of the first snapshot. Their image URLs on cards.scryfall.io are changed
        to this server's; all other URLs stay.
    images
        The pictures, as "normal" JPEGs of 488x680 pixels, by ``"<scryfall id>/front"`` or
        ``"<scryfall id>/back"``; the other sizes are derived on demand.
    retry_after
        Seconds the host stays locked after a 429 (30 at Scryfall).
    legacy
        Whether bulk data has the form from before 2026-07-20.
    kinds
        Cards for single kinds of bulk data, if they should not be derived from `cards`.

    Attributes
    ----------
    requests
        Every request answered, in the order of the answers.
    lockout_violations
        Requests sent although a 429 had asked to wait; each makes the wait longer.
    rate_violations
        API requests that came too fast. They are counted, not refused.
    """

    def __init__(
        self,
        cards: Iterable[Card],
        images: Mapping[str, bytes],
        *,
        retry_after: int = 1,
        legacy: bool = False,
        kinds: Mapping[str, Sequence[Card]] | None = None,
    ) -> None:
        self.requests: list[RequestRecord] = []
        self.lockout_violations = 0
        self.rate_violations = 0
        self._retry_after = retry_after
        self._legacy = legacy
        self._lock = threading.Lock()
        self._faults: list[tuple[str, Fault]] = []
        self._locked: dict[str, _LockOut] = {}
        self._api_times: deque[float] = deque(maxlen=_RATE + 1)
        self._pictures = images
        self._images: dict[str, Reply] = {}
        self._snapshots: dict[str, ServedSnapshot] = {}
        self._updated_at = FIRST_SNAPSHOT
        self._server: LoopbackServer | None = None
        self._port = 0
        self._take_over(cards, None)
        for kind, own in (kinds or {}).items():
            self._take_over(own, kind)

    @property
    def url(self) -> str:
        """Base URL of the API after the start, without a final slash."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> ScryfallDouble:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen on a free port, or on the same port as before a `stop`."""
        self._server = LoopbackServer(self._port, self._respond)
        self._port = self._server.server_port

    def stop(self) -> None:
        """Close every connection, even stalled ones, and wait for their threads.

        Raises
        ------
        RuntimeError
            The double itself failed (because of an unreadable picture, for instance), which the
            client could only see as a broken connection.
        """
        server, self._server = self._server, None
        if server is None:
            return
        server.close_all()
        if server.crashes:
            msg = f"the double failed {len(server.crashes)} times, first: {server.crashes[0]!r}"
            raise RuntimeError(msg) from server.crashes[0]

    def publish(
        self,
        cards: Iterable[Card],
        images: Mapping[str, bytes] | None = None,
        kind: str | None = None,
    ) -> None:
        """Replace the present snapshot by a new one; the old file disappears at once.

        Parameters
        ----------
        cards
            The new card objects.
        images
            Pictures that are new or replace older ones with the same key; the others stay, as on
            the real image host.
        kind
            The only kind of bulk data to change; None for all four.
        """
        with self._lock:
            self._updated_at += SNAPSHOT_STEP
            self._take_over(cards, kind)
            if images is not None:
                self._pictures = {**self._pictures, **images}
                # A new dict, not clear(): a request that is still deriving an old picture then
                # stores it in the old dict, which nobody reads.
                self._images = {}

    def inject(self, match: str, *faults: Fault) -> None:
        """Queue faults for the requests whose path (with its query) contains `match`.

        Each such request gets the next fault until its `times` are used up. A fault without end
        (``times=None``) blocks all faults after it. Requests that are refused because of their
        headers or a lock-out do not use up a fault.
        """
        with self._lock:
            for fault in faults:
                self._faults += [(match, fault)] * (1 if fault.times is None else fault.times)

    def clear_faults(self) -> None:
        """Forget all queued faults and all lock-outs."""
        with self._lock:
            self._faults.clear()
            self._locked.clear()

    def requests_to(self, match: str) -> list[RequestRecord]:
        """Return the requests so far whose path contains `match`."""
        return [record for record in list(self.requests) if match in record.path]

    def _take_over(self, cards: Iterable[Card], kind: str | None) -> None:
        for each, lines in card_lines(cards, kind).items():
            self._snapshots[each] = ServedSnapshot(
                each, self._updated_at, lines, lambda: self.url, self._legacy
            )

    def _respond(self, target: str, headers: Mapping[str, str]) -> Reply:
        path, _, query = target.partition("?")
        host = next((part for part in ("file", "cards") if path.startswith(f"/{part}/")), "api")
        with self._lock:
            now = monotonic()
            reply = self._refusal(host, now) or (improper_reply(headers) if host == "api" else None)
            fault = None if reply else self._next_fault(target)
        if reply is None:
            reply = conditional(self._answer(host, path, query), headers)
        if fault is not None:
            reply = fault.change(reply, self._retry_after)
        with self._lock:
            if fault is not None and reply.status == 429:
                self._lock_out(host, reply)
            status = 0 if reply.then == "reset" else reply.status
            self.requests.append(RequestRecord(now, target, status, headers))
        return reply

    def _refusal(self, host: str, now: float) -> Reply | None:
        """Count a request that comes too fast, and return a 429 while `host` is locked."""
        if host == "api":
            times = self._api_times
            times.append(now)
            self.rate_violations += len(times) > _RATE and now - times[0] < _RATE_WINDOW_S
        lock = self._locked.get(host)
        if lock is None or now >= lock.until:
            return None
        if now - lock.since >= _IN_FLIGHT_S:
            self.lockout_violations += 1
            lock.until = max(lock.until, now + self._retry_after)
        return rate_limited_reply(math.ceil(lock.until - now))

    def _lock_out(self, host: str, reply: Reply) -> None:
        now = monotonic()
        said = reply.headers.get("Retry-After", "")
        until = now + (int(said) if said.isdecimal() else self._retry_after)
        lock = self._locked.get(host)
        if lock is None or now >= lock.until:
            self._locked[host] = _LockOut(now, until)
        else:
            lock.until = max(lock.until, until)

    def _next_fault(self, target: str) -> Fault | None:
        for queued in self._faults:
            match, fault = queued
            if match in target:
                if fault.times is not None:
                    self._faults.remove(queued)
                return fault
        return None

    def _answer(self, host: str, path: str, query: str) -> Reply:
        """Return Scryfall's answer when nothing goes wrong."""
        if host == "cards":
            return self._image(path) or html_reply(404, "Not Found")
        snapshots = list(self._snapshots.values())
        if host == "file":
            files = [each.file for each in snapshots if each.path == path]
            return files[0] if files else html_reply(404, "Not Found")
        if path == "/bulk-data":
            every = [each.descriptor for each in snapshots]
            return json_reply({"object": "list", "has_more": False, "data": every})
        for each in snapshots:
            if path.removeprefix("/bulk-data/") in each.names:
                if parse_qs(query).get("format") == ["file"]:
                    return html_reply(302, "Found", {"Location": each.file_url})
                return json_reply(each.descriptor)
        return json_reply(NOT_FOUND)

    def _image(self, path: str) -> Reply | None:
        images = self._images
        if path not in images:
            match = _IMAGE_PATH.fullmatch(path)
            if match is None:
                return None
            key, side, _, _, card_id, ext = match.groups()
            normal = self._pictures.get(f"{card_id}/{side}")
            if normal is None or key not in IMAGE_SIZES or ext != IMAGE_SIZES[key][1]:
                return None
            body = normal if key == "normal" else _derived(normal, key)
            images[path] = file_reply(body, {"Content-Type": _MIME[ext]})
        return images[path]


def _derived(normal: bytes, key: str) -> bytes:
    """Return the picture in the size and format of `key`."""
    from PIL import Image, ImageDraw

    size, ext, (left, top, right, bottom) = IMAGE_SIZES[key]
    with Image.open(io.BytesIO(normal)) as opened:
        picture = opened.convert("RGB")
    width, height = picture.size
    box = (left * width, top * height, right * width, bottom * height)
    picture = picture.resize(size, Image.Resampling.BICUBIC, box=box)
    out = io.BytesIO()
    if ext == "png":
        corners = Image.new("L", size)
        ImageDraw.Draw(corners).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), 36, fill=255)
        picture.putalpha(corners)
        picture.save(out, "PNG", compress_level=1)
    elif ext == "webp":
        picture.save(out, "WEBP", quality=80, method=0)
    else:
        picture.save(out, "JPEG", quality=90)
    return out.getvalue()
