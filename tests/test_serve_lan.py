"""`mtg-db serve --lan`: other machines come in by https and with the token."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from datetime import datetime, timezone
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
import pytest
import requests
from cryptography import x509
from served import PATIENCE_S, Server, make_shop

from mtg_image_db.errors import InvalidArguments
from mtg_image_db.serving.address import Address


class Lan:
    """A server that needs a token, on an address that every machine has."""

    def __init__(self, server: Server) -> None:
        self.server = server
        parts = urlsplit(server.url)
        self.base = f"https://127.0.0.1:{parts.port}"
        self.port = parts.port or 0
        [self.token] = parse_qs(parts.query)["token"]

    def get(self, path: str, **more: object) -> requests.Response:
        return self.ask(requests.Session(), "GET", path, **more)

    def ask(
        self, session: requests.Session, method: str, path: str, **more: object
    ) -> requests.Response:
        with session:
            return session.request(
                method,
                self.base + path,
                timeout=PATIENCE_S,
                verify=False,
                **more,  # type: ignore[arg-type]
            )


@pytest.fixture(scope="module")
def lan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lan]:
    folder = tmp_path_factory.mktemp("shop")
    shop = make_shop(folder, 4)
    options = ("--lan", "--host", "127.0.0.1")
    with Server(shop.folder, folder / "collection.sqlite", *options) as server:
        yield Lan(server)


pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")


@pytest.mark.parametrize(
    "path", ["/", "/camera", "/api/health", "/api/entries", "/images/x", "/api/events", "/nothing"]
)
def test_without_the_token_nothing_is_told(lan: Lan, path: str) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic " + lan.token},
        {"Cookie": "mtg-db=wrong"},
        {"Cookie": f"other={lan.token}"},
        {"Authorization": "Bearer \xe9"},
    ):
        reply = lan.get(path, headers=headers, allow_redirects=False)
        assert reply.status_code == 401, headers
        assert "needs its token" in reply.json()["error"]["message"]
    assert lan.get(f"{path}?token=wrong", allow_redirects=False).status_code == 401


def test_the_token_in_the_address_becomes_a_cookie_and_leaves_the_address(lan: Lan) -> None:
    session = requests.Session()
    first = lan.ask(session, "GET", f"/collection?token={lan.token}&pile=1", allow_redirects=False)
    assert first.status_code == 303
    assert first.headers["location"] == "/collection?pile=1"
    assert lan.token not in first.text
    kept = first.headers["set-cookie"].lower()
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= set(kept.split("; "))
    second = lan.get("/collection", cookies=first.cookies.get_dict())
    assert second.status_code == 200
    away = lan.get(f"//attacker.example/?token={lan.token}", allow_redirects=False)
    assert away.headers["location"] == "/attacker.example/"


def test_programs_send_the_token_in_a_header(lan: Lan) -> None:
    reply = lan.get("/api/health", headers={"Authorization": f"Bearer {lan.token}"})
    assert reply.json()["status"] == "ok"
    # In the address, it would stand in logs.
    assert lan.get(f"/api/health?token={lan.token}").status_code == 401


def test_the_token_does_not_let_another_page_or_name_in(lan: Lan) -> None:
    known = {"Authorization": f"Bearer {lan.token}"}
    other = {**known, "Origin": "https://attacker.example"}
    assert lan.ask(requests.Session(), "POST", "/api/undo", headers=other).status_code == 403
    plain = {**known, "Origin": lan.base.replace("https", "http")}
    assert lan.ask(requests.Session(), "POST", "/api/undo", headers=plain).status_code == 403
    for name in ("attacker.example", "localhost"):
        assert lan.get("/api/health", headers={**known, "Host": name}).status_code == 403


def test_the_certificate_is_made_for_this_address_on_the_spot(lan: Lan) -> None:
    pem = ssl.get_server_certificate(("127.0.0.1", lan.port), timeout=PATIENCE_S)
    certificate = x509.load_pem_x509_certificate(pem.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    now = datetime.now(timezone.utc)
    assert certificate.not_valid_before_utc < now < certificate.not_valid_after_utc
    assert (certificate.not_valid_after_utc - now).days < 398
    context = ssl.create_default_context(cadata=pem)
    with (
        socket.create_connection(("127.0.0.1", lan.port), PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as safe,
    ):
        assert safe.version() in ("TLSv1.2", "TLSv1.3")


def test_plain_http_is_not_answered(lan: Lan) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get(lan.base.replace("https", "http"), timeout=PATIENCE_S)


def codes(said: str) -> list[str]:
    """What a phone reads from the QR codes in some lines."""
    found = []
    for block in re.findall(r"(?:^[█▀▄ ]+\n)+", said, re.MULTILINE):
        light = [[c in "█▀" for c in line] for line in block.splitlines()]
        lower = [[c in "█▄" for c in line] for line in block.splitlines()]
        rows = np.array([row for pair in zip(light, lower, strict=True) for row in pair])
        drawn = np.kron(rows.astype(np.uint8) * 255, np.ones((8, 8), np.uint8))
        drawn = np.pad(drawn, 64, constant_values=255)
        found.append(cv2.QRCodeDetector().detectAndDecode(drawn)[0])
    return found


def test_a_phone_can_scan_the_address(lan: Lan) -> None:
    other, first = codes(lan.server.said)
    assert first == f"{lan.base}/?token={lan.token}"
    assert other.startswith("http://127.0.0.1:")
    assert other.endswith(f"/?token={lan.token}")


def test_a_phone_that_refuses_the_certificate_comes_in_by_http_with_the_token(lan: Lan) -> None:
    address, _ = codes(lan.server.said)
    base = address.partition("/?")[0]
    assert requests.get(f"{base}/photos", timeout=PATIENCE_S).status_code == 401
    with requests.Session() as phone:
        page = phone.get(address, timeout=PATIENCE_S)
        assert page.status_code == 200
        assert lan.token not in page.url
        assert phone.post(f"{base}/api/undo", timeout=PATIENCE_S).status_code == 200


def test_an_address_that_others_reach_has_a_token_of_its_own() -> None:
    tokens = {Address("192.0.2.7", 8000, lan=True).token for _ in range(3)}
    assert len(tokens) == 3
    assert min(map(len, tokens)) >= 22
    with pytest.raises(InvalidArguments, match="needs --lan"):
        Address("192.0.2.7")


def test_the_names_of_a_server_are_its_addresses() -> None:
    assert Address().names == {"localhost", "127.0.0.1", "[::1]"}
    assert Address("::1").base == "http://[::1]:8000/"
    assert Address("192.0.2.7", lan=True).names == {"192.0.2.7"}
    assert Address("fd00::7", 80, lan=True).names == {"[fd00::7]"}
