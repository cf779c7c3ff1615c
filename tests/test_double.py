"""The imitation of Scryfall behaves like the documented one, and fails when told to."""

from __future__ import annotations

import gzip
import http.client
import io
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import requests
from conftest import card_id, jpeg, make_card, make_picture
from PIL import Image, UnidentifiedImageError

from mtg_image_db.scryfall.kinds import KINDS
from mtg_image_db.scryfall_double import faults
from mtg_image_db.scryfall_double.double import IMAGE_SIZES, ScryfallDouble

POLITE = {"User-Agent": "mtg-image-db-tests/1.0", "Accept": "application/json;q=0.9,*/*;q=0.8"}
KEYS = ["object", "id", "type", "updated_at", "uri", "name", "description"]
OLD_NAME = "/file/default-cards/default-cards-20260908090157"
FIRST, SECOND, TWO_FACED = (card_id(number) for number in range(3))
IMAGE = f"/cards/normal/front/0/0/{FIRST}.jpg"
BACK = f"/cards/normal/back/0/0/{TWO_FACED}.jpg"
PICTURE = jpeg(make_picture(0))
IMAGES = {f"{FIRST}/front": PICTURE, f"{TWO_FACED}/back": jpeg(make_picture(2))}
Sleep = Callable[[float], None]
CARDS = [
    make_card(0, name="Æther † One", illustration_id="first", oracle_id="same"),
    make_card(1, image_uris={"normal": "https://else/"}, illustration_id="first", oracle_id="same"),
    make_card(2, image_uris=None, illustration_id=None, card_faces=[
        {"illustration_id": "first"},
        {"illustration_id": "back", "image_uris": {"normal": f"https://cards.scryfall.io{BACK[6:]}"}},
    ]),
]  # fmt: skip


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def get(
    double: ScryfallDouble, path: str, headers: Mapping[str, str] = POLITE, timeout: float = 10
) -> Answer:
    """GET without any convenience that could hide something."""
    with closing(http.client.HTTPConnection(urlsplit(double.url).netloc, timeout=timeout)) as one:
        one.request("GET", path.removeprefix(double.url), headers=dict(headers))
        response = one.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())


def file_url(double: ScryfallDouble, kind: str = "default_cards") -> str:
    return str(get(double, f"/bulk-data/{kind}").json["jsonl_download_uri"])


def served(double: ScryfallDouble, kind: str = "default_cards") -> list[dict[str, Any]]:
    text = gzip.decompress(get(double, file_url(double, kind)).body).decode()
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def double() -> Iterator[ScryfallDouble]:
    with ScryfallDouble(CARDS, IMAGES) as running:
        yield running


def test_only_the_api_insists_on_headers_of_an_application(double: ScryfallDouble) -> None:
    for missing in POLITE:
        answer = get(double, "/bulk-data", {k: v for k, v in POLITE.items() if k != missing})
        assert (answer.status, list(answer.json)) == (400, ["object", "code", "status", "details"])
        assert "must contain a User-Agent and Accept header" in answer.json["details"]
    for agent in ("", "python-requests/2.32.3", "Python-urllib/3.11", "Python/3.12 aiohttp/3.9.5"):
        answer = get(double, "/bulk-data", {**POLITE, "User-Agent": agent})
        assert (answer.status, answer.json["subcode"]) == (400, "generic_user_agent")
    for agent in ("curler/1.0", "my-app/1 (python-requests/2.32)"):
        assert get(double, "/bulk-data", {**POLITE, "User-Agent": agent}).status == 200
    assert get(double, file_url(double), {}).status == get(double, IMAGE, {}).status == 200


def test_descriptors_are_listed_and_found_by_every_name(double: ScryfallDouble) -> None:
    answer = get(double, "/bulk-data")
    assert list(answer.json) == ["object", "has_more", "data"]
    assert [each["type"] for each in answer.json["data"]] == list(KINDS)
    for each in answer.json["data"]:
        dashed = each["type"].replace("_", "-")
        for name in (each["uri"], f"/bulk-data/{each['type']}", f"/bulk-data/{dashed}"):
            assert get(double, name).json == each
        redirect = get(double, f"/bulk-data/{dashed}?format=file")
        assert (redirect.status, redirect.headers["Location"]) == (302, each["jsonl_download_uri"])
    for unknown in ("/bulk-data/nonsense", "/sets", "/"):
        answer = get(double, unknown)
        assert (answer.status, answer.json["code"]) == (404, "not_found")


def test_the_file_is_a_gzip_file_and_not_a_gzip_transfer(double: ScryfallDouble) -> None:
    descriptor = get(double, "/bulk-data/default_cards").json
    assert list(descriptor) == [*KEYS, "jsonl_download_uri", "compressed_size"]
    assert descriptor["updated_at"] == "2026-09-08T09:01:57.053+00:00"
    assert descriptor["jsonl_download_uri"] == f"{double.url}{OLD_NAME}.jsonl.gz"
    answer = get(double, descriptor["jsonl_download_uri"])
    assert answer.headers["ETag"].startswith('"')
    assert {k: v for k, v in answer.headers.items() if k not in {"Date", "ETag"}} == {
        "Content-Type": "application/gzip",
        "Content-Disposition": "attachment",
        "Accept-Ranges": "bytes",
        "Cache-Control": "public, max-age=31556952",
        "Last-Modified": "Tue, 08 Sep 2026 09:01:57 GMT",
        "Content-Length": str(descriptor["compressed_size"]),
    }


def test_legacy_descriptor_and_file_have_the_old_form() -> None:
    with ScryfallDouble(CARDS, {}, legacy=True) as double:
        found = get(double, "/bulk-data/default-cards").json
        answer = get(double, found["download_uri"])
    assert list(found) == [*KEYS, "size", "download_uri", "content_type", "content_encoding"]
    assert (answer.status, answer.headers["Content-Encoding"]) == (200, "gzip")
    text = gzip.decompress(answer.body)
    assert len(text) == found["size"]
    assert [card["id"] for card in json.loads(text)] == [FIRST, SECOND, TWO_FACED]


def test_every_kind_follows_from_the_cards_unless_given() -> None:
    with ScryfallDouble(CARDS, {}, kinds={"all_cards": CARDS[1:2]}) as own:
        rows = {kind: served(own, kind) for kind in KINDS}
    ids = {kind: [card["id"] for card in cards] for kind, cards in rows.items()}
    assert ids["oracle_cards"] == ids["unique_artwork"] == [FIRST, TWO_FACED]
    assert (ids["default_cards"], ids["all_cards"]) == ([FIRST, SECOND, TWO_FACED], [SECOND])
    first, second, two_faced = rows["default_cards"]
    assert first["name"] == "Æther † One"
    assert first["image_uris"]["normal"] == f"{own.url}{IMAGE}?17"
    assert second["image_uris"] == {"normal": "https://else/"}
    assert two_faced["card_faces"][1]["image_uris"] == {"normal": own.url + BACK}


def test_parts_of_the_file_can_be_asked_for(double: ScryfallDouble) -> None:
    url = file_url(double)
    whole = get(double, url)
    size = len(whole.body)
    for asked, start, stop in (("0-0", 0, 1), ("30-", 30, size), ("5-99999", 5, size)):
        part = get(double, url, {"Range": f"bytes={asked}"})
        assert (part.status, part.body) == (206, whole.body[start:stop])
        assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
    for nonsense in ("bytes=-", "bytes=5-4", "lines=1-2", "bytes=0-1,3-4"):
        assert get(double, url, {"Range": nonsense}).status == 200
    beyond = get(double, url, {"Range": "bytes=99999-"})
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")
    tag, date = whole.headers["ETag"], whole.headers["Last-Modified"]
    for validator, status in ((tag, 206), (date, 206), (f"W/{tag}", 200), ('"other"', 200)):
        assert get(double, url, {"Range": "bytes=3-", "If-Range": validator}).status == status


def test_a_new_snapshot_replaces_the_old_one(double: ScryfallDouble) -> None:
    path = "/bulk-data/default-cards"
    old, oracle = get(double, path), file_url(double, "oracle_cards")
    known = {**POLITE, "If-None-Match": old.headers["ETag"]}
    assert old.headers["ETag"].startswith('W/"')
    assert get(double, path, known)[::2] == (304, b"")
    cards = [make_card(0, name="new")]
    double.publish(cards, kind="default_cards")
    cards[0]["name"] = "changed after it was published"
    assert get(double, path, known).json["updated_at"] > old.json["updated_at"]
    assert get(double, old.json["jsonl_download_uri"]).status == 404
    assert [card["name"] for card in served(double)] == ["new"]
    assert file_url(double, "oracle_cards") == oracle
    double.publish(cards)
    assert file_url(double, "oracle_cards") != oracle


def test_each_image_size_has_its_documented_pixels_and_format(double: ScryfallDouble) -> None:
    for key, (size, ext, _) in IMAGE_SIZES.items():
        answer = get(double, f"/cards/{key}/front/0/0/{FIRST}.{ext}?1783910776")
        with Image.open(io.BytesIO(answer.body)) as picture:
            assert Image.MIME[str(picture.format)] == answer.headers["Content-Type"]
            assert (picture.size, picture.mode) == (size, "RGBA" if key == "png" else "RGB")
            corner = picture.convert("RGBA").getchannel("A").getpixel((0, 0))
            assert corner == (0 if key == "png" else 255)


def test_an_image_is_served_as_given_until_replaced(double: ScryfallDouble) -> None:
    small = IMAGE.replace("normal", "small")
    old, old_small = get(double, IMAGE), get(double, small)
    assert old.body == PICTURE
    assert get(double, IMAGE, {"If-None-Match": f'"x", {old.headers["ETag"]}'}).status == 304
    double.publish(CARDS, {f"{FIRST}/front": IMAGES[f"{TWO_FACED}/back"]})
    assert get(double, IMAGE).body == get(double, BACK).body != PICTURE
    assert get(double, small).body != old_small.body
    unknown = {"front": "back", "/0/0/": "/0/1/", ".jpg": ".png", "normal": "huge", FIRST: SECOND}
    for part, other in unknown.items():
        assert get(double, IMAGE.replace(part, other)).status == 404


def test_many_threads_are_served_at_once_and_recorded(double: ScryfallDouble) -> None:
    def fetch(_: int) -> bool:
        with requests.Session() as one:  # its connection is kept
            urls = [f"{double.url}{IMAGE}?{number}" for number in range(10)]
            return all(one.get(url, timeout=10).content == PICTURE for url in urls)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(fetch, range(8)))
    assert len(double.requests) == 80
    record = double.requests_to("?7")[7]
    assert (record.path, record.headers["accept"]) == (f"{IMAGE}?7", "*/*")


def test_faults_befall_matching_requests_in_turn(double: ScryfallDouble) -> None:
    double.inject("/normal/", faults.not_found(times=2), faults.server_error(503))
    assert get(double, IMAGE.replace("normal", "large")).status == 200
    assert [get(double, IMAGE).status for _ in range(4)] == [404, 404, 503, 200]
    double.inject("", faults.not_found(times=None), faults.reset())
    assert {get(double, IMAGE).status for _ in range(3)} == {404}
    double.clear_faults()
    assert get(double, IMAGE).status == 200


def test_a_fault_changes_the_answer(double: ScryfallDouble) -> None:
    for fault, status, header, value, body in (
        (faults.status(403, b"no", {"X-Why": "filter"}), 403, "X-Why", "filter", b"no"),
        (faults.not_found(), 404, "Content-Type", "application/json; charset=utf-8", b'{"object'),
        (faults.server_error(502, retry_after=3), 502, "Retry-After", "3", b"<!DOCTYPE html>"),
        (faults.html_page(), 200, "Content-Type", "text/html; charset=utf-8", b"<!DOCTYPE html>"),
        (faults.redirect("http://h/x"), 302, "Location", "http://h/x", b""),
        (faults.empty(), 200, "Content-Length", "0", b""),
        (faults.garbage(99), 200, "Content-Type", "image/jpeg", b"\x00\x83\x06"),
        (faults.shortened(100), 200, "Content-Length", "100", PICTURE[:100]),
        (faults.wrong_length(-10), 200, "Content-Type", "image/jpeg", PICTURE[:-10]),
        (faults.stall(0.01, amount=10), 200, "Content-Type", "image/jpeg", PICTURE),
        (faults.slow(0.01), 200, "Content-Type", "image/jpeg", PICTURE),
    ):
        double.inject(IMAGE, fault)
        answer = get(double, IMAGE)
        assert (answer.status, answer.headers[header]) == (status, value)
        assert answer.body.startswith(body)


def test_corrupt_data_have_their_length_and_cannot_be_decoded(double: ScryfallDouble) -> None:
    for key in ("normal", "png", "grid"):
        path = f"/cards/{key}/front/0/0/{FIRST}.{IMAGE_SIZES[key][1]}"
        double.inject(path, faults.corrupt())
        wrong, right = get(double, path).body, get(double, path).body
        assert (len(wrong), wrong[:3]) == (len(right), right[:3])
        with pytest.raises(UnidentifiedImageError):
            Image.open(io.BytesIO(wrong))
    double.inject("/file/", faults.corrupt())
    with pytest.raises((zlib.error, EOFError, gzip.BadGzipFile)):
        served(double)


def test_the_connection_ends_before_the_announced_length(double: ScryfallDouble) -> None:
    part = PICTURE[11:]
    half, whole = len(part) // 2, len(part)
    cuts = {4: faults.truncated(4), half: faults.truncated(0.5), whole: faults.wrong_length(1000)}
    for kept, fault in cuts.items():
        double.inject(IMAGE, fault)
        with pytest.raises(http.client.IncompleteRead) as caught:
            get(double, IMAGE, {"Range": "bytes=11-"})
        assert caught.value.partial == part[:kept]


def test_reset_and_stall_break_the_connection(double: ScryfallDouble) -> None:
    double.inject(IMAGE, faults.reset(), faults.stall(), faults.slow(60))
    for error in (ConnectionResetError, TimeoutError, TimeoutError):
        with pytest.raises(error):
            get(double, IMAGE, timeout=0.1)
    assert [record.status for record in double.requests] == [0, 200, 200]


@pytest.fixture
def sleep(monkeypatch: pytest.MonkeyPatch) -> Sleep:
    """Let time pass for the double, at once."""
    passed = [0.0]
    monkeypatch.setattr("mtg_image_db.scryfall_double.double.monotonic", lambda: 1000 + sum(passed))
    return passed.append


def test_a_429_locks_its_host_until_the_wait_is_over(double: ScryfallDouble, sleep: Sleep) -> None:
    double.inject("bulk", faults.too_many_requests(5), faults.not_found())
    answer = get(double, "/bulk-data")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "5")
    assert "try again after 5 seconds" in answer.json["details"]
    sleep(0.2)
    assert get(double, "/bulk-data").status == 429  # it was in flight; nor does it take a fault
    assert get(double, OLD_NAME + ".jsonl.gz").status == get(double, IMAGE).status == 200
    sleep(4.8)
    assert get(double, "/bulk-data").status == 404
    assert double.lockout_violations == 0


def test_requests_during_a_lock_out_lengthen_it(double: ScryfallDouble, sleep: Sleep) -> None:
    for fault in (faults.too_many_requests(), faults.status(429, headers={"Retry-After": "-"})):
        double.inject(IMAGE, fault)
        double.lockout_violations = 0
        for violations in range(3):
            assert get(double, BACK if violations else IMAGE).status == 429
            assert double.lockout_violations == violations
            sleep(0.7)  # of one second: the next request comes after the first wait's end
        sleep(0.3)
        assert get(double, IMAGE).status == 200


def test_too_many_api_requests_a_second_are_counted(double: ScryfallDouble, sleep: Sleep) -> None:
    for pause in [0.1] * 20 + [0.01]:
        assert double.rate_violations == 0
        sleep(pause)
        assert get(double, "/bulk-data").status == get(double, IMAGE).status == 200
    assert double.rate_violations == 1


def test_the_double_stops_promptly_and_comes_back(double: ScryfallDouble) -> None:
    port = int(double.url.rpartition(":")[2])
    double.inject("stalled", faults.stall())
    double.inject("slow", faults.slow(60))
    double.inject("unread", faults.status(200, bytes(50_000_000)))
    with ExitStack() as stack:
        for request in ("silent", "idle", "stalled", "slow", "unread"):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            if request != "silent":
                one.sendall(f"GET {IMAGE}?{request} HTTP/1.1\r\n\r\n".encode())
        while len(double.requests) < 4:
            time.sleep(0.001)
        began = time.monotonic()
        double.stop()
        assert time.monotonic() - began < 1
        assert not [each for each in threading.enumerate() if "process_request" in each.name]
    double.start()
    assert (double.url, get(double, IMAGE).status) == (f"http://127.0.0.1:{port}", 200)


def test_a_picture_that_cannot_be_read_is_reported_by_stop() -> None:
    double = ScryfallDouble([], {f"{FIRST}/front": b"no picture"})
    double.start()
    with pytest.raises(http.client.RemoteDisconnected):
        get(double, IMAGE.replace("normal", "small"))
    with pytest.raises(RuntimeError, match="cannot identify image file"):
        double.stop()
