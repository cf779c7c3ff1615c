"""What goes over the wire, what comes back, and how long it may take."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wire import Wire, listening, plainly, reply

from mtg_image_db.errors import ImageError, MtgDbError, NetworkError
from mtg_image_db.net.hosts import HostGate
from mtg_image_db.net.responses import read_body
from mtg_image_db.net.session import PoliteSession
from mtg_image_db.net.transport import Transport
from mtg_image_db.pictures.web import fetch_picture, is_public

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX")


def session_for(url: str, *, read: float = 5.0, retries: int = 0) -> PoliteSession:
    stop = threading.Event()
    return PoliteSession(
        api_url=url,
        gate=HostGate(floor=0.01, stop=stop),
        stop=stop,
        timeout=(2.0, read),
        max_retries=retries,
        backoff_factor=0.001,
    )


def fetch(session: PoliteSession, url: str, limit: int = 1 << 20, *, large: bool = False) -> bytes:
    return session.fetch(url, lambda response: read_body(response, limit), large=large)


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process that has only these proxies, certificates and passwords."""
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith(("_proxy", "_bundle"))}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parent,
    )


# Credentials


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
from test_transport import fetch, session_for
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


# Time

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
DRIPPING = {
    "status line": (b"HTTP/1.1 200 ", b"O"),
    "headers": (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "many headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (HEAD + b"\r\n", b"x"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "size of a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    "error": (b"HTTP/1.1 500 No\r\nContent-Type: application/json\r\n\r\n", b" "),
}


@pytest.fixture(params=list(DRIPPING.values()), ids=list(DRIPPING))
def dripping(request: pytest.FixtureRequest) -> Iterator[Wire]:
    wire = Wire(lambda client: None)
    wire.answer = wire.drip(*request.param)
    yield wire
    wire.close()


def test_an_answer_that_drips_ends(dripping: Wire) -> None:
    session = session_for(dripping.url, read=0.2)
    with pytest.raises(NetworkError) as caught:
        fetch(session, f"{dripping.url}/x")
    assert caught.value.reason == "answer too slow"
    assert "longer read timeout" in caught.value.suggestion


def test_a_large_file_that_drips_ends_too(dripping: Wire) -> None:
    session = session_for(dripping.url, read=0.3)
    with pytest.raises(NetworkError, match="answer too slow"):
        fetch(session, f"{dripping.url}/x", large=True)


def test_a_picture_of_the_web_that_drips_ends(dripping: Wire) -> None:
    # Of an error, nothing but its status is waited for.
    with pytest.raises(ImageError, match=r"answer too slow|HTTP 500"):
        fetch_picture(f"{dripping.url}/x", allow_private=True, seconds=0.5)


def test_a_large_file_may_take_longer_than_others_if_it_flows() -> None:
    pieces = 25

    def answer(client: socket.socket) -> None:
        client.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {pieces << 16}\r\n\r\n".encode())
        for _ in range(pieces):
            site.stopping.wait(0.1)
            client.sendall(bytes(1 << 16))

    with listening(answer) as site:
        session = session_for(site.url, read=0.5)
        assert len(fetch(session, f"{site.url}/x", 1 << 21, large=True)) == pieces << 16
        with pytest.raises(NetworkError, match="answer too slow"):
            fetch(session, f"{site.url}/x", 1 << 21)


def test_redirects_share_one_time() -> None:
    with listening(lambda client: None) as wire:

        def answer(client: socket.socket) -> None:
            wire.stopping.wait(0.3)
            reply("302 Found", b"", "Location: /on")(client)

        wire.answer = answer
        with pytest.raises(ImageError, match="answer too slow"):
            fetch_picture(f"{wire.url}/x", allow_private=True, seconds=0.5)
        assert len(wire.requests) < 5


# Whatever a server says


def outcome(answer_to: Wire, answer: bytes) -> str:
    """What becomes of an answer; raises what is no error of ours."""
    answer_to.answer = plainly(answer)
    session = session_for(answer_to.url, read=2.0)
    told = []
    try:
        fetch(session, f"{answer_to.url}/x")
    except MtgDbError as error:
        told.append(getattr(error, "reason", error.message))
    finally:
        session.close()
    try:
        fetch_picture(f"{answer_to.url}/x", allow_private=True, seconds=5.0)
    except ImageError as error:
        told.append(error.message)
    return "; ".join(told)


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    wire = Wire(lambda client: None)
    yield wire
    wire.close()


LOCATIONS = [
    "http://[::1",
    "http://[",
    "//[x]/",
    "http://]",
    "javascript:alert(1)",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:x/",
    "https://a..scryfall.com/",
    "https://-.scryfall.com/",
    "https://" + "a" * 70 + ".scryfall.com/",
    "http://\xe9/",
    "http://*/",
    "http://xn--/",
    "http://a\tb/",
    "http://127.0.0.1%00/",
    "\x7f",
    "?",
    "#",
    "//",
    "///",
    "http:",
    "http://@:/",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.filterwarnings("ignore")
def test_an_odd_redirect_fails_that_request_only(wire: Wire, location: str) -> None:
    head = f"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\nLocation: {location}"
    assert outcome(wire, head.encode("latin-1") + b"\r\n\r\n")


letters = st.text(st.characters(max_codepoint=255, blacklist_characters="\r\n"), max_size=40)
urlish = st.text(st.sampled_from(list("http:/[]@?#%.:1aé\\ \t")), max_size=30)


@given(st.one_of(letters, urlish, st.sampled_from(LOCATIONS)), st.sampled_from([301, 302, 307]))
@pytest.mark.filterwarnings("ignore")
def test_any_redirect_ends_by_the_rules(wire: Wire, location: str, status: int) -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\nLocation: {location}"
    assert outcome(wire, head.encode("latin-1") + b"\r\n\r\n")


HUGE = b"9" * 6000
VALUES = [b"", b"-5", b"5, 6", b"5,5", HUGE, b"1e3", b"\xb2", b"0x10", b"gzip", b"chunked", b"br"]
VALUES += [b"deflate, gzip, gzip, gzip, gzip, gzip, gzip, gzip", b"a=b; expires=\xff", b"\x00"]
NAMES = (
    b"Content-Length Content-Encoding Transfer-Encoding Retry-After Content-Type Set-Cookie".split()
)
NAMES += [b"Location", b"Content-Range", b"Connection", b"Date", b"", b" X", b"\xff"]
headers = st.lists(
    st.tuples(st.sampled_from(NAMES), st.one_of(st.sampled_from(VALUES), st.binary(max_size=20))),
    max_size=4,
)
bodies = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"-5\r\nabc\r\n0\r\n\r\n", HUGE + b"\r\n", b"fffffffffffffffffff\r\nx"]),
    st.sampled_from([b"1;" + HUGE * 12 + b"\r\nx\r\n0\r\n\r\n", b"\x1f\x8b\x08\x00garbage"]),
)
starts = st.one_of(
    st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.1 404 No", b"HTTP/1.1 302 X", b"HTTP/9 200"]),
    st.sampled_from([b"HTTP/1.1 1000 X", b"HTTP/1.1 -1", b"SSH-2.0", b"", b"HTTP/1.1 101 Switch"]),
    st.sampled_from([b"HTTP/1.1 429 X", b"HTTP/1.1 500 " + HUGE * 12, b"HTTP/1.1 200"]),
)


@given(starts, headers, bodies)
@example(b"HTTP/1.1 200 OK", [(b"Content-Length", HUGE)], b"x")
@example(b"HTTP/1.1 200 OK", [(b"Transfer-Encoding", b"chunked")], b"-5\r\nabc\r\n0\r\n\r\n")
@example(b"HTTP/1.1 200 OK", [(b"Transfer-Encoding", b"chunked")], b"-1\r\nabc\r\n0\r\n\r\n")
@example(b"HTTP/1.1 200 OK", [(b"X", b"y" * 70000)], b"x")
@example(b"HTTP/1.1 200 OK", [(b"X", b"y")] * 200, b"x")
@pytest.mark.filterwarnings("ignore")
def test_no_answer_of_a_server_is_an_error_that_we_do_not_know(
    wire: Wire, start: bytes, head: list[tuple[bytes, bytes]], body: bytes
) -> None:
    if start.startswith(b"HTTP/1.1 429"):
        body = b""
    lines = [start, *(name + b": " + value for name, value in head)]
    answer = b"\r\n".join(lines) + b"\r\n\r\n" + body
    if b" 429 " in start:
        # What is asked for again without end would be asked for again without end.
        answer = answer.replace(b"429", b"428")
    outcome(wire, answer)


def test_chunks_beyond_the_limit_are_not_read_whatever_length_is_announced() -> None:
    sent = 0

    def answer(client: socket.socket) -> None:
        nonlocal sent
        client.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(1000):
            client.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")
            sent += 0x10000

    with listening(answer) as wire:
        with pytest.raises(NetworkError, match="over the size limit"):
            fetch(session_for(wire.url), f"{wire.url}/x")
        assert sent < 30 << 20


# Where it may go


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("0.0.0.0", "0.1.2.3", "100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"),
        *("192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2001:db8::1", "100::1"),
        *("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"),
        "2002:808:808::1",
    ],
)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


def test_a_private_address_is_not_connected_to_and_open_ports_answer_like_closed_ones() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()[1]
        with listening(reply("200 OK", b"x")) as wire:
            hosts = "127.0.0.1 localhost 2130706433 0x7f.1 127.1 0.0.0.0 [::ffff:127.0.0.1] [::1]"
            told = set()
            for host in hosts.split():
                for port in (wire.port, closed):
                    with pytest.raises(ImageError) as caught:
                        fetch_picture(f"http://{host}:{port}/x")
                    told.add(caught.value.message)
            assert told == {"refused: not a public address"}
            assert wire.connections == 0


def first_only(address: str) -> None:
    if address != "127.0.0.1":
        raise ImageError(f"refused: {address}")


def test_a_redirect_to_an_address_that_may_not_be_is_not_connected_to() -> None:
    with listening(reply("200 OK", b"x"), "127.0.0.2") as other:
        with listening(reply("302 Found", b"", f"Location: {other.url}/y")) as own:
            transport = Transport(
                headers={}, timeout=(2, 2), refuse=lambda url: None, check_address=first_only
            )
            with pytest.raises(ImageError, match=r"refused: 127\.0\.0\.2"):
                transport.open(f"{own.url}/x")
            transport.close()
        assert (own.connections, other.connections) == (1, 0)


def test_a_host_is_told_by_its_name_although_its_address_is_connected_to() -> None:
    with listening(reply("200 OK", b"x")) as wire:
        checked: list[str] = []
        transport = Transport(
            headers={}, timeout=(2, 2), refuse=lambda url: None, check_address=checked.append
        )
        transport.open(f"http://localhost:{wire.port}/x").close()
        transport.close()
        assert f"Host: localhost:{wire.port}\r\n".encode() in wire.requests[0]
    assert "127.0.0.1" in checked


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
from test_transport import session_for, fetch
transport = Transport(
    headers={{}}, timeout=(5, 5), refuse=lambda url: None, check_address=lambda address: None
)
print(transport.open("https://localhost:{wire.port}/x").status_code)
"""
        done = run(code, REQUESTS_CA_BUNDLE=str(certificate))
        assert (done.stdout, done.stderr) == ("200\n", "")
        assert names == ["localhost"]
        wire.answer = wire.drip(*DRIPPING["headers"])
        code = f"""
from mtg_image_db.errors import NetworkError
from test_transport import session_for, fetch
try:
    fetch(session_for("https://localhost:{wire.port}", read=0.5), "https://localhost:{wire.port}/x")
except NetworkError as error:
    print(error.reason)
"""
        done = run(code, REQUESTS_CA_BUNDLE=str(certificate))
        assert (done.stdout, done.stderr) == ("answer too slow\n", "")


# What the environment names


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


@pytest.mark.skipif(os.name == "nt", reason="there is no limit of files")
def test_where_no_more_files_may_be_opened_that_is_what_is_told(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").touch()
    with listening(reply("200 OK", b"x")) as wire:
        code = f"""
import os, resource, secrets
from pathlib import Path
from mtg_image_db.download.ledger import Ledger
from mtg_image_db.errors import StorageError
from mtg_image_db.system.files import atomic_write
from mtg_image_db.pictures.web import fetch_picture
from test_transport import fetch, session_for

session = session_for({wire.url!r}, retries=5)
named = session_for("http://localhost:{wire.port}", retries=5)
folder = Path({str(tmp_path)!r})

def write():
    with atomic_write(folder / "x"):
        pass

attempts = {{
    "socket": lambda: fetch(session, {wire.url + "/x"!r}),
    "name": lambda: fetch(named, "http://localhost:{wire.port}/x"),
    "picture": lambda: fetch_picture({wire.url + "/x"!r}, allow_private=True),
    "ledger": lambda: Ledger(folder),
    "file": write,
}}
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
files = []
try:
    while True:
        files.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
for name, attempt in attempts.items():
    try:
        attempt()
    except StorageError as error:
        print(name, "Too many files" in error.message, "ulimit -n" in error.suggestion)
"""
        done = run(code)
    names = ("socket", "name", "picture", "ledger", "file")
    assert done.stdout.splitlines() == [f"{name} True True" for name in names]
    assert done.stderr == ""
