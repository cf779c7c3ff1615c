"""What comes back over the wire, and how long it may take."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wire import Wire, fetch, listening, plainly, reply, run, session_for

from mtg_image_db.errors import ImageError, MtgDbError, NetworkError
from mtg_image_db.pictures.web import fetch_picture

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
        # The next request must not go out on this connection: it is closed after the answer.
        head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {pieces << 16}\r\n\r\n"
        client.sendall(head.encode())
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
from wire import fetch, session_for

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
