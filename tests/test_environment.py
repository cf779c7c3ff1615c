"""Passwords, certificates and proxies that the environment names."""

from __future__ import annotations

import importlib.util
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from wire import fetch, listening, reply, run, session_for

from mtg_image_db.errors import NetworkError


@pytest.fixture
def netrc(tmp_path: Path) -> str:
    path = tmp_path / "netrc"
    path.write_text("machine 127.0.0.1 login somebody password secret\n")
    path.chmod(0o600)
    return str(path)


def test_credentials_of_the_server_in_use_go_to_no_other(netrc: str) -> None:
    with (
        listening(reply("200 OK", b"{}", "Set-Cookie: a=b")) as own,
        listening(reply("200 OK", b"{}"), "127.0.0.2") as other,
    ):
        code = f"""
from wire import fetch, session_for
from mtg_image_db.net.hosts import AllowedHosts
session = session_for({own.url!r})
fetch(session, {own.url + "/a"!r})
fetch(session, {own.url + "/b"!r})
session.allowed = AllowedHosts({other.url!r})
fetch(session, {other.url + "/c"!r})
"""
        done = run(code, NETRC=netrc)
        assert done.stderr == ""
        assert [b"Authorization: Basic" in request for request in own.requests] == [True, True]
        assert [b"uthorization" in request for request in other.requests] == [False]
        assert not any(b"Cookie" in request for request in own.requests + other.requests)


def test_a_picture_of_the_web_gets_no_credentials_but_those_in_its_url(netrc: str) -> None:
    with listening(reply("200 OK", b"x"), "127.0.0.2") as other:
        with listening(reply("302 Found", b"", f"Location: {other.url}/y")) as own:
            named = own.url.replace("//", "//me:mine@")
            code = f"""
from mtg_image_db.pictures.web import fetch_picture
for url in ({own.url + "/x"!r}, {named + "/x"!r}):
    fetch_picture(url, allow_private=True)
"""
            assert run(code, NETRC=netrc).stderr == ""
        assert [b"uthorization" in request for request in own.requests] == [False, True]
        assert [b"uthorization" in request for request in other.requests] == [False, False]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost, in one PEM file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    key, path = folder / "key.pem", folder / "both.pem"
    text = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext"
    names = ["subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(path)]
    command = [openssl, *text.split(), *names]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + key.read_bytes())
    return path


def test_certificates_are_checked_for_the_name_and_drips_end_by_tls_too(certificate: Path) -> None:
    names: list[str] = []
    with listening(reply("200 OK", b"x")) as wire:
        wire.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        wire.tls.load_cert_chain(certificate)
        wire.tls.sni_callback = lambda sock, name, context: names.append(name)
        code = f"""
from mtg_image_db.net.transport import Transport
from wire import session_for, fetch
transport = Transport(
    headers={{}}, timeout=(5, 5), refuse=lambda url: None, check_address=lambda address: None
)
print(transport.open("https://localhost:{wire.port}/x").status_code)
"""
        done = run(code, REQUESTS_CA_BUNDLE=str(certificate))
        assert (done.stdout, done.stderr) == ("200\n", "")
        assert names == ["localhost"]
        wire.answer = wire.drip(b"HTTP/1.1 200 OK\r\nX: ", b"y")
        code = f"""
from mtg_image_db.errors import NetworkError
from wire import session_for, fetch
try:
    fetch(session_for("https://localhost:{wire.port}", read=0.5), "https://localhost:{wire.port}/x")
except NetworkError as error:
    print(error.reason)
"""
        done = run(code, REQUESTS_CA_BUNDLE=str(certificate))
        assert (done.stdout, done.stderr) == ("answer too slow\n", "")


def download(api_url: str, cache: Path, **environment: str) -> str:
    """What a download says that ends in an error."""
    arguments = ["download", "--api-url", api_url, "--cache", str(cache)]
    code = f"import sys; from mtg_image_db.cli import main; sys.exit(main({arguments!r}))"
    done = run(code, **environment)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "sesame" not in done.stderr
    assert "tries" not in done.stderr
    assert done.stderr.startswith("ERROR: Network: ")
    assert "  Suggestion: " in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("proxy", "told"),
    [
        ("ftp://me:sesame@127.0.0.1:9", "Proxies of the kind ftp are not supported"),
        ("http://me:sesame@:9", "The proxy's address is not valid"),
        ("http://me:sesame@[::1", "The proxy's address is not valid"),
        ("http://me:sesame@127.0.0.1:99999", "The proxy's address is not valid"),
        ("http://me:sesame@127.0.0.1:port", "The proxy's address is not valid"),
        ("me:sesame@a b:9", "The proxy's address is not valid"),
        (f"http://me:sesame@{'a' * 80}:9", "The proxy's address is not valid"),
        ("http://me:sesame@no-proxy.invalid:9", "The proxy's host name cannot be found"),
    ],
)
def test_a_proxy_that_cannot_be_is_told_at_once(tmp_path: Path, proxy: str, told: str) -> None:
    assert told in download("http://127.0.0.1:9", tmp_path, HTTP_PROXY=proxy, http_proxy=proxy)


@pytest.mark.skipif(importlib.util.find_spec("socks") is not None, reason="PySocks is installed")
@pytest.mark.parametrize("kind", ["socks5", "socks5h", "socks4", "SOCKS4A"])
def test_a_socks_proxy_says_which_package_it_needs(tmp_path: Path, kind: str) -> None:
    proxy = f"{kind}://me:sesame@127.0.0.1:9"
    said = download("http://127.0.0.1:9", tmp_path, ALL_PROXY=proxy)
    assert "pip install pysocks" in said


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("407 Proxy Authentication Required", "wants a user name and a password (HTTP 407)"),
        ("403 Forbidden", "HTTP 403"),
    ],
)
def test_a_proxy_that_refuses_is_asked_once(
    tmp_path: Path, scheme: str, status: str, told: str
) -> None:
    with listening(reply(status)) as wire:
        proxy = wire.url.replace("//", "//me:sesame@")
        settings = {"HTTP_PROXY": proxy, "http_proxy": proxy, "HTTPS_PROXY": proxy}
        assert told in download(f"{scheme}://127.0.0.1:9", tmp_path, **settings)
        assert len(wire.requests) == 1


def test_a_picture_of_the_web_says_what_is_wrong_with_the_proxy() -> None:
    code = """
from mtg_image_db import ImageError
from mtg_image_db.pictures.web import fetch_picture
try:
    fetch_picture("http://example.com/x")
except ImageError as error:
    print(error.message)
"""
    done = run(code, HTTP_PROXY="http://me:sesame@:9", http_proxy="http://me:sesame@:9")
    assert done.stdout.startswith("cannot be fetched: The proxy's address is not valid. Write it")
    assert "sesame" not in done.stdout + done.stderr


@pytest.mark.parametrize(("host", "known"), [("localhost", False), ("127.0.0.1", True)])
def test_a_server_with_a_bad_certificate_is_asked_once(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, host: str, known: bool
) -> None:
    # It signed its own; or that is known, and names another host.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate) if known else "")
    with listening(reply("200 OK", b"x")) as wire:
        wire.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        wire.tls.load_cert_chain(certificate)
        url = f"https://{host}:{wire.port}"
        with pytest.raises(NetworkError) as caught:
            fetch(session_for(url, retries=3), f"{url}/x")
        assert (wire.connections, wire.requests) == (1, [])
    assert caught.value.reason == "bad certificate"
    assert "REQUESTS_CA_BUNDLE" in caught.value.suggestion


def test_certificates_that_are_none_are_told_at_once(tmp_path: Path) -> None:
    text = tmp_path / "bundle.txt"
    text.write_text("no certificate")
    der = tmp_path / "bundle.der"
    der.write_bytes(b"\x30\x82\x01\x0a" + bytes(200))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        for bundle, told in (
            (text, "holds no certificate in the PEM format"),
            (der, "holds no certificate in the PEM format"),
            (tmp_path / "nowhere.pem", "there is no such file or folder"),
        ):
            said = download("https://127.0.0.1:9", tmp_path / "cache", **{name: str(bundle)})
            assert f"{bundle}: " in said
            assert told in said
