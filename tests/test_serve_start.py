"""How `mtg-db serve` begins and ends: ports, collections and databases, in real processes."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from conftest import mtg_db
from served import PATIENCE_S, Server, Shop


def refused(folder: Path, *arguments: str | Path) -> tuple[int, str]:
    """The exit code of a server that does not start, and what it says."""
    done = mtg_db("serve", *arguments, cwd=folder)
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_ends_it_in_order_though_a_page_listens(
    shop: Shop, tmp_path: Path, how: signal.Signals, code: int
) -> None:
    with Server(shop.folder, tmp_path / "mine.sqlite") as server:
        with requests.get(f"{server.url}/api/events", stream=True, timeout=PATIENCE_S) as stream:
            heard = stream.iter_content(chunk_size=None)
            assert next(heard) == b": here\n\n"
            server.process.send_signal(how)
            assert list(heard) == []
        server.process.communicate(timeout=PATIENCE_S)
        assert server.process.returncode == code
        assert "Traceback" not in server.said
    left = {path.name for path in tmp_path.iterdir()}
    assert "mine.sqlite" in left
    assert not any(name.endswith(("-wal", "-shm")) for name in left)


def test_a_second_one_on_the_same_port_says_who_is_there(
    own: Server, shop: Shop, tmp_path: Path
) -> None:
    database = shop.folder / "index_out"
    other = ("--collection", tmp_path / "other.sqlite")
    code, said = refused(tmp_path, "--port", str(own.port), "--db", database, *other)
    assert code == 1
    assert f"mtg-db serve is already running at {own.url}/" in said
    assert "collection.sqlite" in said
    assert "--port 0" in said


def test_another_program_on_the_port_is_named_as_such(shop: Shop, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, said = refused(tmp_path, "--port", str(port), "--db", shop.folder / "index_out")
    assert code == 1
    assert f"Another program has port {port} of 127.0.0.1" in said


def test_a_second_one_on_the_same_collection_says_where_the_first_is(
    own: Server, shop: Shop, tmp_path: Path
) -> None:
    mine = ("--collection", tmp_path / "collection.sqlite")
    code, said = refused(tmp_path, "--port", "0", "--db", shop.folder / "index_out", *mine)
    assert code == 1
    assert f"serve at {own.url}/" in said


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("0.0.0.0", "that needs --lan"),
        ("192.0.2.7", "that needs --lan"),
        ("example.com", "must be an IP address of this machine"),
    ],
)
def test_others_can_reach_it_only_with_lan(tmp_path: Path, host: str, why: str) -> None:
    code, said = refused(tmp_path, "--host", host)
    assert code == 1
    assert why in said


def test_without_a_database_nothing_is_served(tmp_path: Path) -> None:
    code, said = refused(tmp_path, "--port", "0", "--db", "none")
    assert code == 3
    assert "There is no database in none" in said
    assert list(tmp_path.iterdir()) == []


def test_the_collection_lies_beside_the_database(shop: Shop) -> None:
    command = [sys.executable, "-m", "mtg_image_db", "serve", "--port", "0"]
    command += ["--db", str(shop.folder / "index_out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        health = requests.get(f"{url}api/health", timeout=PATIENCE_S).json()
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)
    assert health["collection"] == str(shop.folder / "collection.sqlite")
    assert (shop.folder / "collection.sqlite").exists()
