"""The imitation of Scryfall behaves like the documented one, and fails when told to."""

from __future__ import annotations

import gzip
import http.client
import io
import json
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image, UnidentifiedImageError

from mtg_image_db.demo import faults
from mtg_image_db.demo.double import IMAGE_SIZES, ScryfallDouble

POLITE = {"User-Agent": "mtg-image-db-tests/1.0", "Accept": "application/json;q=0.9,*/*;q=0.8"}
CURRENT_KEYS = [
    "object", "id", "type", "updated_at", "uri", "name", "description",
    "jsonl_download_uri", "compressed_size",
]  # fmt: skip
LEGACY_KEYS = [
    "object", "id", "type", "updated_at", "uri", "name", "description",
    "size", "download_uri", "content_type", "content_encoding",
]  # fmt: skip
FIRST, SECOND, TWO_FACED = (f"{digit}" * 8 + "-0000-4000-8000-000000000000" for digit in "123")
SOON = "https://errors.scryfall.com/soon.jpg"


def image_uris(card_id: str, face: str = "front") -> dict[str, str]:
    return {
        key: f"https://cards.scryfall.io/{key}/{face}/{card_id[0]}/{card_id[1]}/{card_id}.{ext}?17"
        for key, (_, ext, _) in IMAGE_SIZES.items()
    }


def make_cards() -> list[dict[str, Any]]:
    faces = [
        {"name": "Day", "illustration_id": "i-day", "image_uris": image_uris(TWO_FACED)},
        {
            "name": "Night",
            "illustration_id": "i-night",
            "image_uris": image_uris(TWO_FACED, "back"),
        },
    ]
    one = {
        "object": "card",
        "name": "Æther † One",
        "oracle_id": "o-one",
        "illustration_id": "i-one",
    }
    return [
        {**one, "id": FIRST, "image_uris": image_uris(FIRST)},
        {**one, "id": SECOND, "image_uris": dict.fromkeys(IMAGE_SIZES, SOON)},
        {"object": "card", "id": TWO_FACED, "oracle_id": "o-two", "name": "Day // Night",
         "card_faces": faces},
    ]  # fmt: skip


def make_jpeg(colour: tuple[int, int, int]) -> bytes:
    out = io.BytesIO()
    picture = Image.linear_gradient("L").resize((488, 680))
    Image.merge("RGB", [picture.point(lambda v, c=c: (v + c) % 256) for c in colour]).save(
        out, "JPEG"
    )
    return out.getvalue()


IMAGES = {
    f"{FIRST}/front": make_jpeg((10, 60, 110)),
    f"{TWO_FACED}/front": make_jpeg((200, 30, 90)),
    f"{TWO_FACED}/back": make_jpeg((0, 0, 200)),
}
IMAGE = f"/cards/normal/front/1/1/{FIRST}.jpg"


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One keep-alive connection without any convenience that could hide something."""

    def __init__(self, double: ScryfallDouble, timeout: float = 10) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(double.url).netloc, timeout=timeout)

    def get(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        base: Mapping[str, str] = POLITE,
    ) -> Answer:
        parts = urlsplit(path)
        self.connection.putrequest(
            method, parts._replace(scheme="", netloc="").geturl(), skip_accept_encoding=True
        )
        for name, value in {**base, **(headers or {})}.items():
            self.connection.putheader(name, value)
        self.connection.endheaders()
        response = self.connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())


@pytest.fixture
def double() -> Iterator[ScryfallDouble]:
    with ScryfallDouble(make_cards(), IMAGES) as running:
        yield running


@pytest.fixture
def client(double: ScryfallDouble) -> Iterator[Client]:
    one = Client(double)
    yield one
    one.connection.close()


def cards_in(file: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(file).decode().splitlines()]


def file_path(client: Client, kind: str = "default_cards") -> str:
    uri: str = client.get(f"/bulk-data/{kind}").json["jsonl_download_uri"]
    return uri


class TestApi:
    @pytest.mark.parametrize("missing", ["User-Agent", "Accept"])
    def test_request_without_mandatory_header_is_refused(
        self, client: Client, missing: str
    ) -> None:
        kept = {name: value for name, value in POLITE.items() if name != missing}
        answer = client.get("/bulk-data", base=kept)
        assert answer.status == 400
        assert "must contain a User-Agent and Accept header" in answer.json["details"]
        assert list(answer.json) == ["object", "code", "status", "details"]

    @pytest.mark.parametrize(
        "agent",
        ["", "python-requests/2.32.3", "Python-urllib/3.11", "curl/8.5.0", "Go-http-client/2.0",
         "Python/3.12 aiohttp/3.9.5"],
    )  # fmt: skip
    def test_default_agent_of_a_library_is_refused(self, client: Client, agent: str) -> None:
        answer = client.get("/bulk-data", {"User-Agent": agent})
        assert answer.status == 400
        assert answer.json["subcode"] == "generic_user_agent"

    @pytest.mark.parametrize("agent", ["curler/1.0", "my-app/1 (python-requests/2.32)"])
    def test_agent_that_names_an_application_is_served(self, client: Client, agent: str) -> None:
        assert client.get("/bulk-data", {"User-Agent": agent}).status == 200

    def test_files_and_images_need_no_headers(self, client: Client) -> None:
        assert client.get(file_path(client), base={}).status == 200
        assert client.get(IMAGE, base={}).status == 200

    def test_list_holds_the_four_kinds_of_cards(self, client: Client) -> None:
        answer = client.get("/bulk-data")
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert list(answer.json) == ["object", "has_more", "data"]
        kinds = [each["type"] for each in answer.json["data"]]
        assert kinds == ["oracle_cards", "unique_artwork", "default_cards", "all_cards"]

    def test_descriptor_has_the_keys_of_the_real_one_in_order(
        self, double: ScryfallDouble, client: Client
    ) -> None:
        found = client.get("/bulk-data/default_cards").json
        assert list(found) == CURRENT_KEYS
        assert found["updated_at"] == "2026-09-08T09:01:57.053+00:00"
        name = "default-cards/default-cards-20260908090157.jsonl.gz"
        assert found["jsonl_download_uri"] == f"{double.url}/file/{name}"
        assert found["uri"] == f"{double.url}/bulk-data/{found['id']}"

    def test_descriptor_is_found_by_id_type_and_dashed_type(self, client: Client) -> None:
        by_type = client.get("/bulk-data/oracle_cards").json
        assert client.get("/bulk-data/oracle-cards").json == by_type
        assert client.get(f"/bulk-data/{by_type['id']}").json == by_type

    def test_format_file_redirects_to_the_file(self, client: Client) -> None:
        answer = client.get("/bulk-data/all-cards?format=file")
        assert answer.status == 302
        assert answer.headers["Location"] == file_path(client, "all_cards")

    @pytest.mark.parametrize("path", ["/bulk-data/nonsense", "/cards/abc", "/"])
    def test_unknown_path_is_answered_with_an_error_object(self, client: Client, path: str) -> None:
        answer = client.get(path)
        assert answer.status == 404
        assert answer.json["code"] == "not_found"

    def test_unchanged_descriptor_is_answered_304(
        self, double: ScryfallDouble, client: Client
    ) -> None:
        tag = client.get("/bulk-data/default-cards").headers["ETag"]
        assert tag.startswith('W/"')
        again = client.get("/bulk-data/default-cards", {"If-None-Match": tag})
        assert (again.status, again.body) == (304, b"")
        double.publish(make_cards())
        assert client.get("/bulk-data/default-cards", {"If-None-Match": tag}).status == 200

    def test_requests_are_recorded_with_their_headers(
        self, double: ScryfallDouble, client: Client
    ) -> None:
        client.get("/bulk-data/default-cards?x=1", method="HEAD")
        (record,) = double.requests_to("x=1")
        assert (record.method, record.path) == ("HEAD", "/bulk-data/default-cards?x=1")
        assert record.status == 200
        assert record.headers["user-agent"] == POLITE["User-Agent"]

    def test_double_has_no_address_before_it_is_started(self) -> None:
        with pytest.raises(RuntimeError, match="before it is started"):
            _ = ScryfallDouble([], {}).url


class TestBulkFile:
    def test_file_is_a_gzip_file_and_not_a_gzip_transfer(self, client: Client) -> None:
        descriptor = client.get("/bulk-data/default-cards").json
        answer = client.get(descriptor["jsonl_download_uri"])
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/gzip"
        assert answer.headers["Content-Disposition"] == "attachment"
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["Cache-Control"] == "public, max-age=31556952"
        assert answer.headers["Last-Modified"] == "Tue, 08 Sep 2026 09:01:57 GMT"
        assert answer.headers["ETag"].startswith('"')
        assert "Content-Encoding" not in answer.headers
        length = int(answer.headers["Content-Length"])
        assert length == len(answer.body) == descriptor["compressed_size"]

    def test_only_image_urls_of_the_image_host_are_rewritten(
        self, double: ScryfallDouble, client: Client
    ) -> None:
        first, second, two_faced = cards_in(client.get(file_path(client)).body)
        assert first["name"] == "Æther † One"
        assert first["image_uris"]["normal"] == f"{double.url}{IMAGE}?17"
        assert set(second["image_uris"].values()) == {SOON}
        back = two_faced["card_faces"][1]["image_uris"]["png"]
        assert back == f"{double.url}/cards/png/back/3/3/{TWO_FACED}.png?17"

    def test_other_kinds_follow_from_the_cards(self, client: Client) -> None:
        def ids(kind: str) -> list[str]:
            return [card["id"] for card in cards_in(client.get(file_path(client, kind)).body)]

        assert ids("default_cards") == ids("all_cards") == [FIRST, SECOND, TWO_FACED]
        assert ids("oracle_cards") == ids("unique_artwork") == [FIRST, TWO_FACED]

    def test_kinds_can_be_given_their_own_cards(self) -> None:
        cards = make_cards()
        with ScryfallDouble(cards, IMAGES, kinds={"oracle_cards": cards[1:2]}) as double:
            found = requests.get(f"{double.url}/bulk-data/oracle-cards", headers=POLITE, timeout=5)
            file = requests.get(found.json()["jsonl_download_uri"], timeout=5)
        assert [card["id"] for card in cards_in(file.content)] == [SECOND]

    def test_unknown_kind_is_refused(self) -> None:
        with pytest.raises(ValueError, match="'rulings' is none of oracle_cards"):
            ScryfallDouble([], {}, kinds={"rulings": []})

    @pytest.mark.parametrize(
        ("asked", "part"),
        [("bytes=0-0", slice(0, 1)), ("bytes=10-19", slice(10, 20)), ("bytes=30-", slice(30, None)),
         ("bytes=-7", slice(-7, None)), ("bytes=5-999999", slice(5, None))],
    )  # fmt: skip
    def test_range_is_answered_with_that_part(
        self, client: Client, asked: str, part: slice
    ) -> None:
        path = file_path(client)
        whole = client.get(path).body
        answer = client.get(path, {"Range": asked})
        assert (answer.status, answer.body) == (206, whole[part])
        start, stop, _ = part.indices(len(whole))
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole)}"

    @pytest.mark.parametrize("asked", ["bytes=-", "bytes=5-4", "lines=1-2", "bytes=0-1,3-4"])
    def test_range_that_makes_no_sense_is_ignored(self, client: Client, asked: str) -> None:
        assert client.get(file_path(client), {"Range": asked}).status == 200

    @pytest.mark.parametrize("asked", ["bytes=999999-", "bytes=-0"])
    def test_range_beyond_the_file_is_answered_416(self, client: Client, asked: str) -> None:
        path = file_path(client)
        size = len(client.get(path).body)
        answer = client.get(path, {"Range": asked})
        assert answer.status == 416
        assert answer.headers["Content-Range"] == f"bytes */{size}"

    @pytest.mark.parametrize("validator", ["ETag", "Last-Modified"])
    def test_range_is_honoured_if_the_validator_matches(
        self, client: Client, validator: str
    ) -> None:
        path = file_path(client)
        value = client.get(path).headers[validator]
        assert client.get(path, {"Range": "bytes=3-", "If-Range": value}).status == 206

    @pytest.mark.parametrize("value", ['"other"', "Mon, 07 Sep 2026 09:01:57 GMT"])
    def test_whole_file_is_sent_if_the_validator_does_not_match(
        self, client: Client, value: str
    ) -> None:
        path = file_path(client)
        whole = client.get(path).body
        answer = client.get(path, {"Range": "bytes=3-", "If-Range": value})
        assert (answer.status, answer.body) == (200, whole)

    def test_weak_form_of_the_tag_does_not_validate_a_range(self, client: Client) -> None:
        path = file_path(client)
        tag = client.get(path).headers["ETag"]
        assert client.get(path, {"Range": "bytes=3-", "If-Range": f"W/{tag}"}).status == 200

    def test_head_tells_the_length_and_sends_no_body(self, client: Client) -> None:
        path = file_path(client)
        whole = client.get(path).body
        answer = client.get(path, {"Range": "bytes=3-"}, method="HEAD")
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["Content-Length"] == str(len(whole))
        assert client.get(path).body == whole  # the connection is still in step

    def test_legacy_descriptor_and_file_have_the_old_form(self) -> None:
        with ScryfallDouble(make_cards(), IMAGES, legacy=True) as double:
            one = Client(double)
            found = one.get("/bulk-data/default-cards").json
            answer = one.get(found["download_uri"])
            one.connection.close()
            assert list(found) == LEGACY_KEYS
            assert found["download_uri"].endswith("/default-cards-20260908090157.json")
            assert answer.headers["Content-Type"] == "application/json"
            assert answer.headers["Content-Encoding"] == "gzip"
            text = gzip.decompress(answer.body)
            assert len(text) == found["size"]
            assert [card["id"] for card in json.loads(text)] == [FIRST, SECOND, TWO_FACED]
            assert f"{double.url}/cards/normal/".encode() in text


class TestPublish:
    def test_old_file_is_gone_after_a_new_snapshot(
        self, double: ScryfallDouble, client: Client
    ) -> None:
        old = client.get("/bulk-data/default-cards").json
        cards = make_cards()[:2]
        double.publish(cards)
        cards[0]["name"] = "changed after it was published"
        new = client.get("/bulk-data/default-cards").json
        assert datetime.fromisoformat(new["updated_at"]) > datetime.fromisoformat(old["updated_at"])
        assert new["jsonl_download_uri"] != old["jsonl_download_uri"]
        assert client.get(old["jsonl_download_uri"]).status == 404
        served = cards_in(client.get(new["jsonl_download_uri"]).body)
        assert [card["name"] for card in served] == ["Æther † One"] * 2

    def test_single_kind_can_be_published(self, double: ScryfallDouble, client: Client) -> None:
        default, oracle = file_path(client), file_path(client, "oracle_cards")
        double.publish(make_cards(), kind="default_cards")
        assert file_path(client) != default
        assert file_path(client, "oracle_cards") == oracle

    def test_new_picture_replaces_the_old_one_in_every_size(
        self, double: ScryfallDouble, client: Client
    ) -> None:
        small = IMAGE.replace("normal", "small")
        before = client.get(IMAGE).body, client.get(small).body
        other = client.get(f"/cards/normal/back/3/3/{TWO_FACED}.jpg").body
        double.publish(make_cards(), images={f"{FIRST}/front": make_jpeg((1, 2, 3))})
        assert client.get(IMAGE).body != before[0]
        assert client.get(small).body != before[1]
        assert client.get(f"/cards/normal/back/3/3/{TWO_FACED}.jpg").body == other


class TestImages:
    @pytest.mark.parametrize("key", IMAGE_SIZES)
    def test_each_size_has_its_documented_pixels_and_format(self, client: Client, key: str) -> None:
        size, ext, _ = IMAGE_SIZES[key]
        answer = client.get(f"/cards/{key}/front/1/1/{FIRST}.{ext}?1783910776")
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31556952"
        with Image.open(io.BytesIO(answer.body)) as picture:
            picture.load()
            assert picture.size == size
            assert Image.MIME[str(picture.format)] == answer.headers["Content-Type"]
            assert picture.mode == ("RGBA" if key == "png" else "RGB")

    def test_png_has_transparent_corners(self, client: Client) -> None:
        answer = client.get(f"/cards/png/front/1/1/{FIRST}.png")
        with Image.open(io.BytesIO(answer.body)) as picture:
            alpha = picture.getchannel("A")
        assert (alpha.getpixel((0, 0)), alpha.getpixel((372, 520))) == (0, 255)

    def test_normal_picture_is_served_as_it_was_given(self, client: Client) -> None:
        assert client.get(IMAGE).body == IMAGES[f"{FIRST}/front"]

    def test_unchanged_image_is_answered_304(self, client: Client) -> None:
        tag = client.get(IMAGE).headers["ETag"]
        assert client.get(IMAGE, {"If-None-Match": f'"other", {tag}'}).status == 304

    @pytest.mark.parametrize(
        "path",
        [
            IMAGE.replace("front", "back"),
            IMAGE.replace("/1/1/", "/1/2/"),
            IMAGE.replace(".jpg", ".png"),
            IMAGE.replace("normal", "huge"),
            f"/cards/normal/front/9/9/{'9' * 8}.jpg",
        ],
    )
    def test_unknown_image_is_answered_404(self, client: Client, path: str) -> None:
        assert client.get(path).status == 404

    def test_many_threads_are_served_at_once(self, double: ScryfallDouble) -> None:
        def fetch(_: int) -> int:
            one = Client(double)
            sizes = {len(one.get(IMAGE).body) for _ in range(10)}
            one.connection.close()
            return sizes.pop() if len(sizes) == 1 else 0

        with ThreadPoolExecutor(16) as pool:
            sizes = list(pool.map(fetch, range(16)))
        assert set(sizes) == {len(IMAGES[f"{FIRST}/front"])}
        assert len(double.requests) == 160


class TestFaults:
    def test_faults_befall_matching_requests_in_turn(
        self, double: ScryfallDouble, client: Client
    ) -> None:
        double.inject("/normal/", faults.not_found(times=2), faults.server_error(503))
        assert client.get(IMAGE.replace("normal", "large")).status == 200
        assert [client.get(IMAGE).status for _ in range(4)] == [404, 404, 503, 200]
        assert [each.status for each in double.requests_to("/normal/")] == [404, 404, 503, 200]

    def test_fault_without_end_stays_until_cleared(
        self, double: ScryfallDouble, client: Client
    ) -> None:
        double.inject("", faults.not_found(times=None))
        assert {client.get(IMAGE).status for _ in range(5)} == {404}
        double.clear_faults()
        assert client.get(IMAGE).status == 200

    def test_fault_that_never_happens_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least once"):
            faults.reset(times=0)

    def test_not_found_is_an_error_object(self, double: ScryfallDouble, client: Client) -> None:
        double.inject(IMAGE, faults.not_found())
        assert client.get(IMAGE).json["code"] == "not_found"

    def test_server_error_is_a_page_with_retry_after(
        self, double: ScryfallDouble, client: Client
    ) -> None:
        double.inject("bulk", faults.server_error(502, retry_after=3))
        answer = client.get("/bulk-data")
        assert answer.status == 502
        assert answer.headers["Retry-After"] == "3"
        assert answer.headers["Content-Type"].startswith("text/html")

    def test_status_is_given_exactly(self, double: ScryfallDouble, client: Client) -> None:
        double.inject(IMAGE, faults.status(403, b"no", {"X-Reason": "filter"}))
        answer = client.get(IMAGE)
        assert (answer.status, answer.body, answer.headers["X-Reason"]) == (403, b"no", "filter")

    def test_html_page_comes_with_status_200(self, double: ScryfallDouble, client: Client) -> None:
        double.inject(IMAGE, faults.html_page())
        answer = client.get(IMAGE)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/html")

    def test_redirect_names_the_other_place(self, double: ScryfallDouble, client: Client) -> None:
        double.inject(IMAGE, faults.redirect("http://127.0.0.2/elsewhere"))
        answer = client.get(IMAGE)
        assert (answer.status, answer.headers["Location"]) == (302, "http://127.0.0.2/elsewhere")

    @pytest.mark.parametrize(("fault", "size"), [(faults.empty(), 0), (faults.garbage(999), 999)])
    def test_replaced_body_keeps_the_headers(
        self, double: ScryfallDouble, client: Client, fault: faults.Fault, size: int
    ) -> None:
        double.inject(IMAGE, fault)
        answer = client.get(IMAGE)
        assert (answer.status, len(answer.body)) == (200, size)
        assert answer.headers["Content-Type"] == "image/jpeg"

    def test_shortened_answer_looks_complete(self, double: ScryfallDouble, client: Client) -> None:
        double.inject(IMAGE, faults.shortened(100))
        answer = client.get(IMAGE)
        assert answer.headers["Content-Length"] == "100"
        assert answer.body == IMAGES[f"{FIRST}/front"][:100]

    @pytest.mark.parametrize("key", ["normal", "png", "grid"])
    def test_corrupt_image_has_its_length_and_cannot_be_decoded(
        self, double: ScryfallDouble, client: Client, key: str
    ) -> None:
        path = f"/cards/{key}/front/1/1/{FIRST}.{IMAGE_SIZES[key][1]}"
        right = client.get(path).body
        double.inject(path, faults.corrupt())
        wrong = client.get(path).body
        assert (len(wrong), wrong[:3]) == (len(right), right[:3])
        with pytest.raises(UnidentifiedImageError):
            Image.open(io.BytesIO(wrong))

    def test_corrupt_file_cannot_be_unzipped(self, double: ScryfallDouble, client: Client) -> None:
        path = file_path(client)
        double.inject("/file/", faults.corrupt())
        with pytest.raises((zlib.error, EOFError, gzip.BadGzipFile)):
            gzip.decompress(client.get(path).body)

    @pytest.mark.parametrize(
        ("fault", "kept"),
        [
            (faults.truncated(0.5), lambda size: size // 2),
            (faults.truncated(100), lambda _: 100),
            (faults.truncated(0.0), lambda _: 0),
            (faults.wrong_length(1000), lambda size: size),
        ],
    )
    def test_connection_ends_before_the_announced_length(
        self,
        double: ScryfallDouble,
        client: Client,
        fault: faults.Fault,
        kept: Callable[[int], int],
    ) -> None:
        whole = IMAGES[f"{FIRST}/front"]
        double.inject(IMAGE, fault)
        with pytest.raises(http.client.IncompleteRead) as caught:
            client.get(IMAGE)
        assert caught.value.partial == whole[: kept(len(whole))]

    def test_announced_length_can_be_too_small(
        self, double: ScryfallDouble, client: Client
    ) -> None:
        double.inject(IMAGE, faults.wrong_length(-10))
        assert client.get(IMAGE).body == IMAGES[f"{FIRST}/front"][:-10]

    def test_truncation_applies_to_the_part_asked_for(
        self, double: ScryfallDouble, client: Client
    ) -> None:
        path = file_path(client)
        whole = client.get(path).body
        double.inject("/file/", faults.truncated(4))
        with pytest.raises(http.client.IncompleteRead) as caught:
            client.get(path, {"Range": "bytes=10-"})
        assert caught.value.partial == whole[10:14]

    def test_reset_breaks_the_connection(self, double: ScryfallDouble, client: Client) -> None:
        double.inject(IMAGE, faults.reset())
        with pytest.raises(ConnectionResetError):
            client.get(IMAGE)
        assert double.requests[-1].status == 0

    def test_stalled_answer_times_out_in_the_client(self, double: ScryfallDouble) -> None:
        double.inject(IMAGE, faults.stall())
        with pytest.raises(requests.exceptions.ConnectionError, match="timed out"):
            requests.get(f"{double.url}{IMAGE}", timeout=0.2)

    def test_stalled_answer_goes_on_when_its_time_is_up(
        self, double: ScryfallDouble, client: Client
    ) -> None:
        double.inject(IMAGE, faults.stall(0.1, amount=10))
        began = time.monotonic()
        assert client.get(IMAGE).body == IMAGES[f"{FIRST}/front"]
        assert time.monotonic() - began >= 0.1

    def test_slow_answer_is_late_and_right(self, double: ScryfallDouble, client: Client) -> None:
        double.inject(IMAGE, faults.slow(0.1))
        began = time.monotonic()
        assert client.get(IMAGE).status == 200
        assert time.monotonic() - began >= 0.1


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestRateLimit:
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def double(self, clock: Clock) -> Iterator[ScryfallDouble]:
        with ScryfallDouble(make_cards(), IMAGES, retry_after=30, clock=clock) as running:
            yield running

    def test_429_says_how_long_to_wait(self, double: ScryfallDouble, client: Client) -> None:
        double.inject("bulk", faults.too_many_requests())
        answer = client.get("/bulk-data")
        assert (answer.status, answer.headers["Retry-After"]) == (429, "30")
        assert answer.json["code"] == "rate_limited"
        assert "try again after 30 seconds" in answer.json["details"]

    def test_host_stays_locked_until_the_wait_is_over(
        self, double: ScryfallDouble, client: Client, clock: Clock
    ) -> None:
        double.inject("bulk", faults.too_many_requests(5))
        assert client.get("/bulk-data").headers["Retry-After"] == "5"
        clock.now += 5
        assert client.get("/bulk-data").status == 200
        assert double.lockout_violations == 0

    def test_request_during_the_lock_out_lengthens_it(
        self, double: ScryfallDouble, client: Client, clock: Clock
    ) -> None:
        double.inject("bulk", faults.too_many_requests())
        client.get("/bulk-data")
        clock.now += 20
        early = client.get("/bulk-data/default-cards")
        assert (early.status, early.headers["Retry-After"]) == (429, "30")
        clock.now += 20  # the first wait would be over by now
        assert client.get("/bulk-data").status == 429
        assert double.lockout_violations == 2
        clock.now += 30
        assert client.get("/bulk-data").status == 200

    def test_request_in_flight_is_refused_and_not_held_against_the_client(
        self, double: ScryfallDouble, client: Client, clock: Clock
    ) -> None:
        double.inject("bulk", faults.too_many_requests())
        client.get("/bulk-data")
        clock.now += 0.2
        assert client.get("/bulk-data").status == 429
        assert double.lockout_violations == 0
        clock.now += 29.8
        assert client.get("/bulk-data").status == 200

    def test_client_with_one_thread_has_nothing_in_flight(
        self, double: ScryfallDouble, client: Client
    ) -> None:
        double.in_flight_s = 0
        double.inject("bulk", faults.too_many_requests())
        client.get("/bulk-data")
        client.get("/bulk-data")
        assert double.lockout_violations == 1

    def test_api_and_images_are_locked_apart(self, double: ScryfallDouble, client: Client) -> None:
        double.inject(IMAGE, faults.too_many_requests())
        assert client.get(IMAGE).status == 429
        assert client.get(IMAGE.replace("front", "back")).status == 429
        assert client.get("/bulk-data").status == 200
        assert client.get(file_path(client)).status == 200

    def test_any_429_locks_the_host(self, double: ScryfallDouble, client: Client) -> None:
        double.inject("bulk", faults.status(429))
        assert "Retry-After" not in client.get("/bulk-data").headers
        assert client.get("/bulk-data").headers["Retry-After"] == "30"

    def test_lock_out_takes_no_fault_from_the_queue(
        self, double: ScryfallDouble, client: Client, clock: Clock
    ) -> None:
        double.inject("bulk", faults.too_many_requests(), faults.not_found())
        seen = [client.get("/bulk-data").status for _ in range(2)]
        clock.now += 30
        assert [*seen, client.get("/bulk-data").status] == [429, 429, 404]

    def test_eleventh_request_within_a_second_is_counted(
        self, double: ScryfallDouble, client: Client, clock: Clock
    ) -> None:
        for _ in range(20):
            clock.now += 0.1
            client.get("/bulk-data")
        assert double.rate_violations == 0
        clock.now += 0.01
        assert client.get("/bulk-data").status == 200
        assert double.rate_violations == 1

    def test_rate_can_be_enforced(self, double: ScryfallDouble, client: Client) -> None:
        double.enforce_rate = True
        seen = [client.get("/bulk-data").status for _ in range(12)]
        assert seen == [200] * 10 + [429] * 2

    def test_images_have_no_rate(self, double: ScryfallDouble, client: Client) -> None:
        double.enforce_rate = True
        assert {client.get(IMAGE).status for _ in range(20)} == {200}


class TestLifeCycle:
    def test_stop_is_prompt_with_stalled_slow_and_idle_connections(self) -> None:
        threads = threading.active_count()
        double = ScryfallDouble(make_cards(), IMAGES)
        double.start()
        double.inject("/front/", faults.stall())
        double.inject("/back/", faults.slow(60))
        idle, stalled, slow, silent = clients = [Client(double) for _ in range(4)]
        idle.get("/bulk-data")
        silent.connection.connect()
        stalled.connection.request("GET", IMAGE)
        slow.connection.request("GET", f"/cards/normal/back/3/3/{TWO_FACED}.jpg")
        response = stalled.connection.getresponse()  # the stall has begun
        while not double.requests_to("/back/"):
            time.sleep(0.001)
        began = time.monotonic()
        double.stop()
        assert time.monotonic() - began < 1
        assert threading.active_count() == threads
        with pytest.raises(http.client.IncompleteRead):
            response.read()
        for each in clients:
            each.connection.close()

    def test_client_that_does_not_read_does_not_block_stop(self) -> None:
        double = ScryfallDouble([], {})
        double.start()
        double.inject("/", faults.status(200, bytes(50_000_000)))
        one = Client(double)
        one.connection.request("GET", IMAGE)
        response = one.connection.getresponse()
        began = time.monotonic()
        double.stop()
        assert time.monotonic() - began < 1
        response.close()
        one.connection.close()

    def test_double_comes_back_at_the_same_address(self, double: ScryfallDouble) -> None:
        url = double.url
        double.stop()
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(f"{url}/bulk-data", headers=POLITE, timeout=5)
        double.start()
        assert double.url == url
        assert requests.get(f"{url}/bulk-data", headers=POLITE, timeout=5).status_code == 200

    def test_double_is_not_started_twice(self, double: ScryfallDouble) -> None:
        with pytest.raises(RuntimeError, match="already running"):
            double.start()

    def test_picture_that_cannot_be_read_is_reported_by_stop(self) -> None:
        double = ScryfallDouble([], {f"{FIRST}/front": b"no picture"})
        double.start()
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(f"{double.url}{IMAGE.replace('normal', 'small')}", timeout=5)
        with pytest.raises(RuntimeError, match="cannot identify image file"):
            double.stop()

    def test_nothing_is_printed(
        self, double: ScryfallDouble, client: Client, capfd: pytest.CaptureFixture[str]
    ) -> None:
        double.inject("/file/", faults.reset())
        path = file_path(client)
        client.get("/nonsense")
        with pytest.raises(ConnectionResetError):
            client.get(path)
        double.stop()
        assert capfd.readouterr() == ("", "")
