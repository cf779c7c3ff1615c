"""Which addresses are connected to."""

from __future__ import annotations

import socket

import pytest
from wire import listening, reply

from mtg_image_db.errors import ImageError
from mtg_image_db.net.transport import Transport
from mtg_image_db.pictures.web import fetch_picture, is_public


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
