"""What the tests share: a Scryfall double with small cards, a cache, an encoder of pixels."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray
from pgserver import Postgres
from PIL import Image, ImageDraw

from mtg_image_db import BuildOptions, BuildSummary, build_database, download_images
from mtg_image_db.demo.cards import sample_cards
from mtg_image_db.download.options import DownloadOptions
from mtg_image_db.encoders import Fingerprint, normalised
from mtg_image_db.encoders.preprocessing import Preprocessing
from mtg_image_db.encoders.thresholds import Thresholds
from mtg_image_db.scryfall_double.double import ScryfallDouble

if TYPE_CHECKING:
    from served import Server, Shop

# Nothing here is about speed.
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Real data for developing; tests that use it skip where it is absent."""

needs_shared = pytest.mark.skipif(
    not (SHARED / "scryfall" / "sample").is_dir(), reason="the shared real data are not here"
)


COUNT = 300
"""Cards in `cache`."""

SLOW = frozenset(
    (
        *("arguments", "bad_input", "browser_camera", "browser_pages", "browser_review", "build"),
        *("cache_commands", "cli", "closed_streams", "completion", "corrections", "database"),
        *("database_commands", "demo", "demo_cards", "disks", "download", "download_command"),
        *("encoders", "environment", "eval", "exported", "fuzz", "graph", "interruption", "kills"),
        *("left_out", "named_encoders", "names", "outputs", "own_files", "postgres", "progress"),
        *("postgres_publication", "postgres_troubles", "publication"),
        *("query", "recognise", "resume", "sample", "scan_command", "scan_memory", "scripts"),
        *(
            "serve",
            "serve_guard",
            "serve_lan",
            "serve_start",
            "sheets",
            "store",
            "strangers",
            "telemetry",
            "terminal",
            "text",
        ),
        *("transport", "verify", "watch"),
    )
)
"""Modules whose tests start many processes, build databases or load torch: all of them are marked
slow. The others answer in under a minute (`pytest -m "not slow"`)."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server with pgvector."""
    server = Postgres()
    yield server
    server.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow modules."""
    for item in items:
        if item.path.stem.removeprefix("test_") in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def cache_of_exports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what builds export out of the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTG_DB_ENCODER_CACHE", str(tmp_path_factory.mktemp("exports")))
        yield


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of a small CLIP, ViT-S-32-alt."""
    open_clip, torch = pytest.importorskip("open_clip"), pytest.importorskip("torch")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "clip.pt"
    torch.save(open_clip.create_model("ViT-S-32-alt").state_dict(), path)
    return path


def card_id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def make_card(number: int, **changes: Any) -> dict[str, Any]:
    """A plain card object; a key changed to None is left out."""
    identity = card_id(number)
    uris = {
        size: f"https://cards.scryfall.io/{size}/front/{identity[0]}/{identity[1]}/{identity}.{ext}?17"
        for size, ext in (
            ("small", "jpg"),
            ("normal", "jpg"),
            ("large", "jpg"),
            ("png", "png"),
            ("grid", "webp"),
            ("display", "webp"),
        )
    }
    card: dict[str, Any] = {
        "object": "card",
        "id": identity,
        "oracle_id": card_id(number + 0x10000000),
        "name": f"Card {number}",
        "lang": "en",
        "released_at": "2026-01-01",
        "scryfall_uri": f"https://scryfall.com/card/tst/{number}/card-{number}?utm_source=api",
        "layout": "normal",
        "image_status": "highres_scan",
        "image_uris": uris,
        "colors": ["R"],
        "finishes": ["nonfoil"],
        "digital": False,
        "set": "tst",
        "set_name": "Test Set",
        "collector_number": str(number),
        "rarity": "common",
        "illustration_id": card_id(number + 0x20000000),
        "artist": "Nobody",
        "border_color": "black",
        "frame": "2015",
        "full_art": False,
    }
    card.update(changes)
    return {key: value for key, value in card.items() if value is not None}


def make_picture(number: int, size: tuple[int, int] = (488, 680)) -> Image.Image:
    """A picture unlike that of any other number: a few coloured blocks."""
    rng = random.Random(number)
    picture = Image.new("RGB", size, tuple(rng.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y = rng.randrange(size[0]), rng.randrange(size[1])
        box = (x, y, x + rng.randrange(20, size[0]), y + rng.randrange(20, size[1]))
        draw.rectangle(box, fill=tuple(rng.randrange(256) for _ in range(3)))
    return picture


def jpeg(picture: Image.Image, quality: int = 90) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def make_images(count: int) -> dict[str, bytes]:
    return {f"{card_id(n)}/front": jpeg(make_picture(n)) for n in range(count)}


@pytest.fixture
def double() -> Iterator[ScryfallDouble]:
    """Twelve plain cards."""
    with ScryfallDouble([make_card(n) for n in range(12)], make_images(12)) as double:
        yield double


def download_options(double: ScryfallDouble, cache: Path, **changes: Any) -> DownloadOptions:
    """Options for the double, with waits of milliseconds."""
    values: dict[str, Any] = {
        "cache": cache,
        "api_url": double.url,
        "kind": "default_cards",
        "backoff_factor": 0.001,
        "rate_limit_floor": 0.05,
        "refresh": True,
        "timeout_read": 5,
        **changes,
    }
    return DownloadOptions(**values)


def mtg_db(
    *arguments: str | Path,
    cwd: Path,
    stdin: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 120,
    unprivileged: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, in a process of its own."""
    finished = subprocess.run(
        [sys.executable, "-m", "mtg_image_db", *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        timeout=timeout,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **(environment or {})},
        preexec_fn=_give_up_privileges if unprivileged else None,
    )
    return subprocess.CompletedProcess(
        finished.args,
        finished.returncode,
        finished.stdout.decode("utf-8"),
        finished.stderr.decode("utf-8"),
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes, where one can be mounted; `fill` leaves it without room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    mounted = shutil.which("mount") and subprocess.run(mount, check=False, capture_output=True)
    if not mounted or mounted.returncode:
        pytest.skip("no disk can be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path, *, leave: int = 0) -> None:
    """Take all the room of a disk, but so many bytes."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as stream:
        while stream.write(b"x" * 4096):
            pass
    os.truncate(filler, filler.stat().st_size - leave)


def _give_up_privileges() -> None:
    """Let permissions hold for root as well: it may do everything else (capabilities(7))."""
    import ctypes

    drop_from_bounding_set, dac_override, dac_read_search = 24, 1, 2
    for capability in (dac_override, dac_read_search):
        ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


class PixelEncoder:
    """An encoder without a network: the pixels of a thumbnail, centred. Fast and exact."""

    def __init__(self, *, side: int = 8, fail_after: int | None = None, salt: str = "") -> None:
        grey = (0.5, 0.5, 0.5)
        self.fingerprint = Fingerprint(
            "pixels",
            salt or "none",
            side * side * 3,
            Preprocessing(side, side, "squash", grey, grey),
        )
        self.precisions: tuple[str, ...] = ("fp32",)
        self.thresholds: Thresholds | None = None
        self.precision = ""
        self.encoded = 0
        self._fail_after = fail_after

    def use_precision(self, precision: str) -> None:
        self.precision = precision

    def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self._fail_after is not None and self.encoded + len(pixels) > self._fail_after:
            raise KeyboardInterrupt
        self.encoded += len(pixels)
        flat = pixels.reshape(len(pixels), -1).astype(np.float32) - 127.5
        return normalised(flat)


def fill_cache(double: ScryfallDouble, cache: Path) -> Path:
    """Download everything a double has."""
    download_images(download_options(double, cache))
    return cache


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database of twelve cards, and pictures to ask about."""
    folder = tmp_path_factory.mktemp("home")
    with ScryfallDouble([make_card(n) for n in range(12)], make_images(12)) as double:
        fill_cache(double, folder / "image_cache")
    build_database(BuildOptions(cache=folder / "image_cache", out=folder / "index_out"))
    for number in (7, 8):
        (folder / f"card{number}.jpg").write_bytes(jpeg(make_picture(number), 60))
    Image.effect_noise((488, 680), 90).save(folder / "noise.png")
    (folder / "broken.jpg").write_bytes(b"not a picture")
    return folder


@pytest.fixture
def inside(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(home)
    return home


@pytest.fixture(scope="session")
def featured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cache, a database that has an inverted index, and a photo."""
    folder = tmp_path_factory.mktemp("featured")
    cards = [c for c in sample_cards(16) if len(c.faces) == 1 and not c.card.get("digital")]
    images = {
        f"{sample.card['id']}/front": jpeg(sample.faces[0].resize((244, 340))) for sample in cards
    }
    with ScryfallDouble([sample.card for sample in cards], images) as double:
        fill_cache(double, folder / "image_cache")
    build_database(BuildOptions(cache=folder / "image_cache", out=folder / "index_out"))
    cards[0].faces[0].save(folder / "photo.png")
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hundred cards; nothing changes it."""
    images = {f"{card_id(n)}/front": jpeg(make_picture(n, (120, 168))) for n in range(COUNT)}
    with ScryfallDouble([make_card(n) for n in range(COUNT)], images) as double:
        return fill_cache(double, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of twenty cards; its cache lies beside it."""
    folder = tmp_path_factory.mktemp("built")
    with ScryfallDouble([make_card(n) for n in range(20)], make_images(20)) as double:
        fill_cache(double, folder / "cache")
    options = BuildOptions(cache=folder / "cache", out=folder / "out")
    build_database(options, encoder=PixelEncoder())
    return folder / "out"


@pytest.fixture
def out(built: Path, tmp_path: Path) -> Path:
    """A database of one's own to damage."""
    shutil.copytree(built, tmp_path / "out")
    return tmp_path / "out"


def build(
    cache: Path, out: Path, encoder: PixelEncoder | None = None, **changes: Any
) -> BuildSummary:
    # Local features cost most of a build's time; test_recognise has them.
    few = {"checkpoint_frequency": 100, "local_features": False, **changes}
    options = BuildOptions(cache=cache, out=out, **few)
    return build_database(options, encoder=encoder or PixelEncoder())


# `served` imports this module, so the fixtures of servers import it when they are used.


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A database of 16 of the demo's cards."""
    from served import make_shop

    return make_shop(tmp_path_factory.mktemp("shop"), 16)


@pytest.fixture(scope="module")
def server(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that all tests of a module share."""
    from served import Server

    with Server(shop.folder, tmp_path_factory.mktemp("mine") / "collection.sqlite") as server:
        yield server


@pytest.fixture
def own(shop: Shop, tmp_path: Path) -> Iterator[Server]:
    """A server with an empty collection of its own."""
    from served import Server

    with Server(shop.folder, tmp_path / "collection.sqlite") as server:
        yield server
