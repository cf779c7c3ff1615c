"""An imitation of Scryfall on loopback, for the tests and the offline demonstration.

One server plays the three hosts a client meets: api.scryfall.com (``/bulk-data``),
data.scryfall.io (``/file/...``) and cards.scryfall.io (``/cards/...``). What it
imitates is documented at https://scryfall.com/docs/api, .../docs/api/bulk-data,
.../docs/api/images and .../docs/api/rate-limits.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from mtg_image_db.demo.faults import (
    GENERIC_USER_AGENT,
    MISSING_HEADERS,
    NOT_FOUND,
    Delivery,
    Fault,
    LoopbackServer,
    Reply,
    html_reply,
    json_reply,
    play,
    rate_limited_reply,
)

Card = Mapping[str, Any]
ImageSource = Mapping[str, bytes]
"""``"<scryfall id>/front"`` or ``"<scryfall id>/back"`` to a JPEG of 488x680 pixels."""

Group = Literal["api", "files", "images"]

IMAGE_HOST = "https://cards.scryfall.io"
# Bulk files and images may be cached for a year.
ONE_YEAR = "public, max-age=31556952"
# Requests that were on their way when a 429 left are not held against the client.
IN_FLIGHT_S = 0.25
# Ten requests a second, with a little tolerance for a busy machine's timers.
RATE, RATE_WINDOW_S = 10, 0.95
# Bulk files appear about twice a day.
SNAPSHOT_STEP = timedelta(hours=12)
FIRST_SNAPSHOT = datetime(2026, 9, 8, 9, 1, 57, 53000, tzinfo=timezone.utc)

# The ids are Scryfall's own and do not change between snapshots.
BULK_KINDS: Mapping[str, tuple[str, str, str]] = {
    "oracle_cards": (
        "27bf3214-1271-490b-bdfe-c0be6c23d02e",
        "Oracle Cards",
        (
            "A JSON file containing one Scryfall card object for each Oracle ID on Scryfall. The "
            "chosen sets for the cards are an attempt to return the most up-to-date recognizable "
            "version of the card."
        ),
    ),
    "unique_artwork": (
        "6bbcf976-6369-4401-88fc-3a9e4984c305",
        "Unique Artwork",
        (
            "A JSON file of Scryfall card objects that together contain all unique artworks. The "
            "chosen cards promote the best image scans."
        ),
    ),
    "default_cards": (
        "e2ef41e3-5778-4bc2-af3f-78eca4dd9c23",
        "Default Cards",
        (
            "A JSON file containing every card object on Scryfall in English or the printed "
            "language if the card is only available in one language."
        ),
    ),
    "all_cards": (
        "922288cb-4bef-45e1-bb30-0c2bd3d3534f",
        "All Cards",
        "A JSON file containing every card object on Scryfall in every language.",
    ),
}

# A kind goes by its id, its type, and its type with dashes.
_KIND_OF = {
    name: kind
    for kind, (bulk_id, _, _) in BULK_KINDS.items()
    for name in (bulk_id, kind, kind.replace("_", "-"))
}

# What identifies an HTTP library rather than an application.
GENERIC_AGENT = re.compile(
    r"$|(python-(requests|urllib|urllib3|httpx)|curl|wget|go-http-client|okhttp|axios|node-fetch|"
    r"java|apache-httpclient)(/|$)|python/\S+ aiohttp/",
    re.IGNORECASE,
)
IMAGE_PATH = re.compile(
    r"/cards/(?P<key>\w+)/(?P<face>front|back)/(?P<a>\w)/(?P<b>\w)/(?P<id>[\w-]+)\.(?P<ext>\w+)"
)
FILE_PATH = re.compile(r"/file/(?P<kind>[a-z-]+)/(?P<name>[\w.-]+)")
RANGE = re.compile(r"bytes=(\d*)-(\d*)")

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
    """One request the double answered.

    `time` is the clock's at its arrival, `path` includes the query string, `status`
    is 0 where the connection was reset, and the names in `headers` are lower-case.
    """

    time: float
    method: str
    path: str
    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class _Snapshot:
    """One kind of bulk data at one time; its file is made when first asked for."""

    kind: str
    updated_at: datetime
    lines: Sequence[str]
    url: Callable[[], str]
    legacy: bool

    @property
    def name(self) -> str:
        stem = f"{self.kind.replace('_', '-')}-{self.updated_at:%Y%m%d%H%M%S}"
        return stem + (".json" if self.legacy else ".jsonl.gz")

    @property
    def file_url(self) -> str:
        return f"{self.url()}/file/{self.kind.replace('_', '-')}/{self.name}"

    @cached_property
    def _made(self) -> tuple[Reply, int]:
        if self.legacy:
            text = "[\n" + ",\n".join(self.lines) + "\n]"
        else:
            text = "".join(line + "\n" for line in self.lines)
        raw = text.replace(f"{IMAGE_HOST}/", f"{self.url()}/cards/").encode()
        body = gzip.compress(raw, 6, mtime=0)
        # The old file was plain JSON that the transfer compressed, the new one is a
        # gzip file that the transfer leaves alone.
        headers = {"Content-Type": "application/gzip", "Content-Disposition": "attachment"}
        if self.legacy:
            headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        modified = format_datetime(self.updated_at.replace(microsecond=0), usegmt=True)
        headers |= {**_validators(body), "Last-Modified": modified}
        return Reply(200, body, headers), len(raw)

    @property
    def file(self) -> Reply:
        return self._made[0]

    @property
    def descriptor(self) -> dict[str, Any]:
        bulk_id, name, description = BULK_KINDS[self.kind]
        common = {
            "object": "bulk_data",
            "id": bulk_id,
            "type": self.kind,
            "updated_at": self.updated_at.isoformat(timespec="milliseconds"),
            "uri": f"{self.url()}/bulk-data/{bulk_id}",
            "name": name,
            "description": description,
        }
        if self.legacy:
            return {
                **common,
                "size": self._made[1],
                "download_uri": self.file_url,
                "content_type": "application/json",
                "content_encoding": "gzip",
            }
        size = len(self.file.body)
        return {**common, "jsonl_download_uri": self.file_url, "compressed_size": size}


class ScryfallDouble:
    """Scryfall on loopback: bulk data, card images, etiquette, and faults on demand.

    Parameters
    ----------
    cards
        The card objects of the first snapshot. Their image URLs on cards.scryfall.io
        are changed to this server's; all others are left as they are.
    images
        The pictures, as "normal" JPEGs; the other sizes are derived on demand.
    retry_after
        Seconds the host stays locked after a 429 (30 at Scryfall).
    legacy
        Whether bulk data has the form it had before 2026-07-20.
    kinds
        Cards for one kind of bulk data, where they should not follow from `cards`.
    updated_at
        Time of the first snapshot; each further one is twelve hours younger.
    enforce_rate
        Whether an eleventh API request within a second is answered 429. It is
        counted in `rate_violations` in any case.
    clock
        Seconds, for the rate limit and the lock-out: a test whose client sleeps on
        a pretended clock gives that clock here.

    Attributes
    ----------
    requests
        Every request answered, in the order of the answers; tests may clear it.
    lockout_violations
        Requests made although a 429 had said to wait; each lengthens the wait.
    rate_violations
        API requests that came too fast.
    in_flight_s
        How long after a 429 a request counts as sent before it, and thus neither as
        a violation nor to lengthen the wait; 0 where the client has one thread.
    """

    def __init__(
        self,
        cards: Iterable[Card],
        images: ImageSource,
        *,
        retry_after: int = 1,
        legacy: bool = False,
        kinds: Mapping[str, Sequence[Card]] | None = None,
        updated_at: datetime = FIRST_SNAPSHOT,
        enforce_rate: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.retry_after = retry_after
        self.legacy = legacy
        self.enforce_rate = enforce_rate
        self.requests: list[RequestRecord] = []
        self.lockout_violations = 0
        self.rate_violations = 0
        self.in_flight_s = IN_FLIGHT_S
        self._clock = clock
        self._lock = threading.Lock()
        self._faults: list[_Queued] = []
        self._locked: dict[Group, _LockOut] = {}
        self._api_times: deque[float] = deque(maxlen=RATE + 1)
        self._sources: list[ImageSource] = [images]
        self._images: dict[tuple[str, str], Reply] = {}
        self._snapshots: dict[str, _Snapshot] = {}
        self._updated_at = updated_at
        self._server: LoopbackServer | None = None
        self._thread: threading.Thread | None = None
        self._port = 0
        self._take_over(list(cards), None)
        for kind, own in (kinds or {}).items():
            self._take_over(own, kind)

    @property
    def url(self) -> str:
        """Base of the API, without a final slash; it stays the same over a restart."""
        if not self._port:
            msg = "the double has no address before it is started"
            raise RuntimeError(msg)
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> ScryfallDouble:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen on a free port, or on the one held before a `stop`."""
        if self._server is not None:
            msg = "the double is already running"
            raise RuntimeError(msg)
        self._server = LoopbackServer(self._port, self.respond)
        self._port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="scryfall-double", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close every connection, stalled ones too, and wait for every thread.

        Raises
        ------
        RuntimeError
            If answering a request failed in the double itself (or in its image
            source), which the client could only see as a broken connection.
        """
        if self._server is None or self._thread is None:
            return
        server, thread = self._server, self._thread
        self._server = self._thread = None
        server.close_all()
        thread.join()
        if server.crashes:
            msg = f"the double failed {len(server.crashes)} times, first: {server.crashes[0]!r}"
            raise RuntimeError(msg) from server.crashes[0]

    def publish(
        self,
        cards: Iterable[Card],
        *,
        images: ImageSource | None = None,
        kind: str | None = None,
    ) -> None:
        """Put a new snapshot in the place of the present one, whose file is gone at once.

        Parameters
        ----------
        cards
            The new card objects.
        images
            Pictures that are new or replace older ones of the same key; the others
            stay, as on the real image host.
        kind
            The only kind of bulk data to change; None for all four.
        """
        own = list(cards)
        with self._lock:
            self._updated_at += SNAPSHOT_STEP
            self._take_over(own, kind)
            if images is not None:
                self._sources = [images, *self._sources]
                # A fresh dict, not clear(): a request still deriving an old picture
                # then puts it where nobody will look.
                self._images = {}

    def inject(self, match: str, *faults: Fault) -> None:
        """Queue faults for the requests whose path (with its query) contains `match`.

        Each such request takes the next fault until its `times` are used up; a fault
        without end (``times=None``) keeps all after it waiting. Requests refused
        for their headers or a lock-out take none.
        """
        with self._lock:
            self._faults += [_Queued(match, fault, fault.times) for fault in faults]

    def clear_faults(self) -> None:
        """Forget every fault still queued, and every lock-out."""
        with self._lock:
            self._faults.clear()
            self._locked.clear()

    def requests_to(self, match: str) -> list[RequestRecord]:
        """Return the requests so far whose path contains `match`."""
        return [record for record in list(self.requests) if match in record.path]

    def respond(self, method: str, target: str, headers: Mapping[str, str]) -> Delivery:
        """Decide what a request gets; `headers` has lower-case names."""
        path = urlsplit(target).path
        group: Group = "api"
        if path.startswith("/file/"):
            group = "files"
        elif IMAGE_PATH.fullmatch(path):
            group = "images"
        with self._lock:
            now = self._clock()
            reply = self._refusal(group, now) or (_improper(headers) if group == "api" else None)
            fault = None if reply else self._next_fault(target)
        if reply is None:
            reply = self._answer(method, target, headers)
        delivery = Delivery(reply)
        if fault is not None and fault.kind == "rate_limit":
            seconds = self.retry_after if fault.seconds is None else math.ceil(fault.seconds)
            delivery = Delivery(rate_limited_reply(seconds))
        elif fault is not None:
            delivery = play(fault, reply)
        with self._lock:
            if fault is not None and delivery.reply.status == 429:
                self._lock_out(group, delivery.reply)
            status = 0 if delivery.then == "reset" else delivery.reply.status
            self.requests.append(RequestRecord(now, method, target, status, headers))
        return delivery

    def _take_over(self, cards: Sequence[Card], kind: str | None) -> None:
        if kind is not None and kind not in BULK_KINDS:
            msg = f"{kind!r} is none of {', '.join(BULK_KINDS)}"
            raise ValueError(msg)
        # Written out now, so that what the caller does to the cards later stays his.
        lines = [json.dumps(card, ensure_ascii=False, separators=(",", ":")) for card in cards]
        for each in BULK_KINDS if kind is None else (kind,):
            chosen: Iterable[int] = range(len(cards))
            if kind is None and each == "oracle_cards":
                chosen = _first_of(cards, _oracle_ids)
            elif kind is None and each == "unique_artwork":
                chosen = _first_of(cards, _illustration_ids)
            self._snapshots[each] = _Snapshot(
                each, self._updated_at, [lines[i] for i in chosen], lambda: self.url, self.legacy
            )

    def _refusal(self, group: Group, now: float) -> Reply | None:
        """Return a 429 if the host is locked or the client too fast; the lock is held."""
        too_fast = False
        if group == "api":
            times = self._api_times
            times.append(now)
            too_fast = len(times) > RATE and now - times[0] < RATE_WINDOW_S
            self.rate_violations += too_fast
        lock = self._locked.get(group)
        if lock is not None and now < lock.until:
            if now - lock.since >= self.in_flight_s:
                self.lockout_violations += 1
                lock.until = max(lock.until, now + self.retry_after)
            return rate_limited_reply(math.ceil(lock.until - now))
        if too_fast and self.enforce_rate:
            reply = rate_limited_reply(self.retry_after)
            self._lock_out(group, reply)
            return reply
        return None

    def _lock_out(self, group: Group, reply: Reply) -> None:
        said = reply.headers.get("Retry-After", "")
        seconds = int(said) if said.isdigit() else self.retry_after
        now = self._clock()
        lock = self._locked.get(group)
        if lock is None or now >= lock.until:
            self._locked[group] = _LockOut(now, now + seconds)
        else:
            lock.until = max(lock.until, now + seconds)

    def _next_fault(self, target: str) -> Fault | None:
        for queued in self._faults:
            if queued.match in target:
                if queued.left is not None:
                    queued.left -= 1
                    if not queued.left:
                        self._faults.remove(queued)
                return queued.fault
        return None

    def _answer(self, method: str, target: str, headers: Mapping[str, str]) -> Reply:
        """Return what Scryfall says when nothing goes wrong."""
        parts = urlsplit(target)
        if image := IMAGE_PATH.fullmatch(parts.path):
            return _conditional(method, headers, self._image(**image.groupdict()))
        if file := FILE_PATH.fullmatch(parts.path):
            current = self._snapshots.get(file["kind"].replace("-", "_"))
            if current is not None and file["name"] == current.name:
                return _conditional(method, headers, current.file)
        if parts.path.startswith("/file/"):
            return html_reply(404, "Not Found")
        if parts.path == "/bulk-data":
            every = [snapshot.descriptor for snapshot in list(self._snapshots.values())]
            content = {"object": "list", "has_more": False, "data": every}
        else:
            kind = _KIND_OF.get(parts.path.removeprefix("/bulk-data/"))
            if kind is None:
                return json_reply(NOT_FOUND)
            snapshot = self._snapshots[kind]
            if parse_qs(parts.query).get("format") == ["file"]:
                return html_reply(302, "Found", {"Location": snapshot.file_url})
            content = snapshot.descriptor
        reply = json_reply(content)
        weak = {"ETag": f'W/"{_digest(reply.body)}"', **reply.headers}
        return _conditional(method, headers, Reply(200, reply.body, weak))

    # The parameters are the groups of IMAGE_PATH.
    def _image(self, key: str, face: str, a: str, b: str, id: str, ext: str) -> Reply:  # noqa: A002
        known = self._images
        name = f"{id}/{face}"
        reply = known.get((key, name))
        if reply is None:
            missing = html_reply(404, "Not Found")
            if key not in IMAGE_SIZES or ext != IMAGE_SIZES[key][1] or not id.startswith(a + b):
                return missing
            normal = next(filter(None, (source.get(name) for source in self._sources)), None)
            if normal is None:
                return missing
            body = normal if key == "normal" else _derived(normal, key)
            reply = Reply(200, body, {"Content-Type": _MIME[ext], **_validators(body)})
            known[key, name] = reply
        return reply


@dataclass(eq=False)
class _Queued:
    match: str
    fault: Fault
    left: int | None


@dataclass
class _LockOut:
    since: float
    until: float


def _oracle_ids(card: Card) -> set[str]:
    faces = card.get("card_faces") or [{}]
    return {card.get("oracle_id") or faces[0].get("oracle_id") or card["id"]}


def _illustration_ids(card: Card) -> set[str]:
    every = [card, *(card.get("card_faces") or [])]
    return {part["illustration_id"] for part in every if part.get("illustration_id")} or {
        card["id"]
    }


def _first_of(cards: Sequence[Card], ids: Callable[[Card], set[str]]) -> list[int]:
    """Return the positions of the cards with an id that no card before them has."""
    seen: set[str] = set()
    chosen = []
    for position, card in enumerate(cards):
        new = ids(card) - seen
        seen |= new
        if new:
            chosen.append(position)
    return chosen


def _improper(headers: Mapping[str, str]) -> Reply | None:
    """Return the 400 for a request without the headers the API asks for."""
    if "user-agent" not in headers or "accept" not in headers:
        return json_reply(MISSING_HEADERS)
    if GENERIC_AGENT.match(headers["user-agent"].strip()):
        return json_reply(GENERIC_USER_AGENT)
    return None


def _digest(body: bytes) -> str:
    return sha256(body).hexdigest()[:32]


def _validators(body: bytes) -> dict[str, str]:
    return {"ETag": f'"{_digest(body)}"', "Accept-Ranges": "bytes", "Cache-Control": ONE_YEAR}


def _conditional(method: str, headers: Mapping[str, str], reply: Reply) -> Reply:
    """Apply If-None-Match, If-Range and Range (RFC 9110, sections 13 and 14)."""
    if reply.status != 200:
        return reply
    tag = reply.headers["ETag"]
    known = {
        each.strip().removeprefix("W/") for each in headers.get("if-none-match", "").split(",")
    }
    if "*" in known or tag.removeprefix("W/") in known:
        return Reply(304, b"", {"ETag": tag})
    may_range = method == "GET" and "Accept-Ranges" in reply.headers
    if may_range and headers.get("if-range", tag) in {tag, reply.headers.get("Last-Modified")}:
        return _part(reply, headers.get("range", ""))
    return reply


def _part(reply: Reply, asked: str) -> Reply:
    """Return the bytes `asked` for; several ranges, or nonsense, may be ignored."""
    match = RANGE.fullmatch(asked.replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return reply
    size = len(reply.body)
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < start:
            return reply
    if start >= size:
        return html_reply(416, "Range Not Satisfiable", {"Content-Range": f"bytes */{size}"})
    place = {**reply.headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"}
    return Reply(206, reply.body[start:stop], place)


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
