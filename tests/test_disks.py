"""Disks that are full, or do less than others: what is said is true, and what was there stays."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import (
    PixelEncoder,
    build,
    card_id,
    download_options,
    fill,
    fill_cache,
    jpeg,
    make_card,
    make_images,
    mtg_db,
)

from mtg_image_db import Database, download_images
from mtg_image_db.building.options import BuildOptions
from mtg_image_db.building.run import build_database
from mtg_image_db.demo.cards import sample_cards
from mtg_image_db.download.ledger import PLAN, Ledger, Outcome
from mtg_image_db.errors import StorageError
from mtg_image_db.scryfall_double.double import ScryfallDouble

posix = pytest.mark.skipif(os.name == "nt", reason="permissions and limits as POSIX has them")
_WITHOUT_FSYNC = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/stat.h>
int fsync(int fd) {
    static int (*real)(int);
    struct stat about;
    if (fstat(fd, &about) == 0 && S_ISDIR(about.st_mode)) { errno = NUMBER; return -1; }
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return real(fd);
}
"""


@pytest.fixture
def without_fsync(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """An environment in which folders cannot be fsynced, as on some mounts."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("there is no C compiler, or no LD_PRELOAD")

    def environment(number: str) -> dict[str, str]:
        library = tmp_path / f"{number}.so"
        code = _WITHOUT_FSYNC.replace("NUMBER", number).encode()
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-x", "c", "-o", library, "-", "-ldl"],
            input=code,
            check=True,
        )
        return {"LD_PRELOAD": str(library)}

    return environment


@pytest.mark.parametrize("number", ["EINVAL", "ENOTSUP", "ENOSYS", "EPERM"])
def test_a_folder_that_cannot_be_fsynced_costs_a_warning(
    double: ScryfallDouble,
    tmp_path: Path,
    number: str,
    without_fsync: Callable[[str], dict[str, str]],
) -> None:
    environment = without_fsync(number)
    command = ("download", "--kind", "default_cards", "--api-url", double.url)
    done = mtg_db(*command, cwd=tmp_path, environment=environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("WARNING: The disk does not confirm what is written") == 1
    assert "12 downloaded" in done.stderr


def test_a_disk_that_fails_to_fsync_is_still_an_error(
    double: ScryfallDouble, tmp_path: Path, without_fsync: Callable[[str], dict[str, str]]
) -> None:
    command = ("download", "--kind", "default_cards", "--api-url", double.url)
    done = mtg_db(*command, cwd=tmp_path, environment=without_fsync("EIO"))
    assert done.returncode == 1
    assert "ERROR: Storage: Cannot write: the disk reports an input/output error" in done.stderr


@posix
def test_a_folder_that_may_not_be_listed_is_written_to(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    tmp_path.chmod(0o777)
    folder.chmod(0o333)
    done = mtg_db(
        *("scan", "card7.jpg", "-o", folder / "mine.csv", "--review", tmp_path / "review"),
        cwd=home,
        unprivileged=True,
    )
    folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert (folder / "mine.csv").read_text().startswith("quantity,name,")
    # Who may do everything (root in a container without capabilities to drop) may list it.
    assert done.stderr.count("WARNING: The disk does not confirm") <= 1


def rows(count: int) -> list[tuple[str, str, str]]:
    return [(card_id(n), f"https://cards.scryfall.io/{n:064d}", "x" * 80) for n in range(count)]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="there is no /proc")
def test_a_large_plan_lies_in_the_cache_and_nowhere_else(tmp_path: Path) -> None:
    with Ledger(tmp_path, create=True) as ledger:
        before = set(open_files())
        assert ledger.plan(rows(40_000)) == 0
        assert sum(1 for _ in ledger.planned()) == 40_000
        ledger.drop_from_plan(card_id(n) for n in range(0, 40_000, 2))
        assert ledger.plan_size() == 20_000
        opened = set(open_files()) - before
        assert {path for path in opened if not path.startswith(f"{tmp_path}/")} == set()
        assert (tmp_path / PLAN).stat().st_size > 1_000_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ledger.sqlite"]


def open_files() -> list[str]:
    links = list(Path("/proc/self/fd").iterdir())
    return [str(link.readlink()) for link in links if link.is_symlink()]


def test_a_download_leaves_no_plan_behind_and_removes_a_killed_one_s(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    cache = fill_cache(double, tmp_path / "image_cache")
    assert not (cache / PLAN).exists()
    (cache / PLAN).write_bytes(b"left by a kill")
    listed = mtg_db("clean", cwd=tmp_path, stdin=b"")
    assert f"{PLAN}\thalf-written\t14" in listed.stdout
    assert download_images(download_options(double, cache)).cached == 12
    assert not (cache / PLAN).exists()


LIMITED = """
import resource, sys
from pathlib import Path
from mtg_image_db.download.ledger import Ledger
from mtg_image_db.errors import MtgDbError
with Ledger(Path(sys.argv[1]), create=True) as ledger:
    limit = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        ledger.plan((f"{n:036d}", "https://x" * 10, "x" * 80) for n in range(20_000))
    except MtgDbError as error:
        print(error.message, error.suggestion, sep="|")
"""


@posix
def test_a_plan_over_a_size_limit_is_not_told_as_damage(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path, "500000"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    message, suggestion = done.stdout.strip().split("|")
    assert message == "The disk reports an error at the ledger of the image cache"
    assert "ulimit -f" in suggestion
    assert "move it away" not in suggestion.lower()


def test_a_full_disk_is_told_by_the_ledger(small_disk: Path) -> None:
    outcome = Outcome(card_id(1), "https://x", error="x" * 500)
    with Ledger(small_disk, create=True) as ledger:
        ledger.record([outcome], "now")
        fill(small_disk)
        with pytest.raises(StorageError, match="Cannot write: the disk is full"):
            ledger.plan(rows(5000))
        many = [Outcome(card_id(n), "https://x", error="x" * 500) for n in range(5000)]
        with pytest.raises(StorageError, match="Cannot write: the disk is full"):
            ledger.record(many, "now")
    with Ledger(small_disk) as ledger:
        assert [row.face_id for row in ledger.outcomes()] == [card_id(1)]


@posix
def test_a_ledger_that_may_not_be_written_is_not_told_as_damaged(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    cache = fill_cache(double, tmp_path / "image_cache")
    for path in (tmp_path, cache, cache / "bulk", cache / "images"):
        path.chmod(0o777)
    for path in cache.rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o666)
    (cache / "ledger.sqlite").chmod(0o444)
    double.publish([make_card(n) for n in range(13)], make_images(13))
    command = ("download", "--kind", "default_cards", "--api-url", double.url, "--refresh")
    done = mtg_db(*command, cwd=tmp_path, unprivileged=True)
    assert done.returncode == 1
    assert "ERROR: Storage: Cannot write: the ledger of the image cache is read-only" in done.stderr
    assert "damaged" not in done.stderr


@pytest.mark.parametrize("damage", [b"not a database, but long enough to be one" * 100, None])
def test_a_damaged_ledger_is_told_as_damaged(
    double: ScryfallDouble, tmp_path: Path, damage: bytes | None
) -> None:
    cache = fill_cache(double, tmp_path / "image_cache")
    path = cache / "ledger.sqlite"
    path.write_bytes(damage or path.read_bytes()[:5000] + b"\xff" * 5000)
    done = mtg_db("verify-cache", cwd=tmp_path)
    assert done.returncode == 1
    assert "ERROR: Storage: The ledger of the image cache is damaged" in done.stderr
    assert "Move it away and run `mtg-db download`" in done.stderr


BUILDS = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import PixelEncoder, build
from mtg_image_db.errors import StorageError
cache, out = Path(sys.argv[2]), Path(sys.argv[3])
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
refused = 0
for limit in map(int, sys.argv[4:]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        build(cache, out, PixelEncoder(side=32), checkpoint_frequency=0, local_features=True)
        print("built")
    except StorageError as error:
        print(error.message)
"""


@posix
def test_a_build_that_meets_a_size_limit_says_so_at_every_file(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    """Local features take 147,008 bytes here, vectors 147,584, the index more."""
    cache = fill_cache(double, tmp_path / "cache")
    limits = ["40000", "100000", "147000", "147100", "147600", "400000"]
    done = subprocess.run(
        [sys.executable, "-c", BUILDS, Path(__file__).parent, cache, tmp_path / "out", *limits],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said == ["Cannot write: a file grew over a size limit"] * 5 + ["built"]


def test_a_build_on_a_full_disk_says_so_and_keeps_the_old_database(
    cache: Path, small_disk: Path
) -> None:
    out = small_disk / "out"
    build(cache, out, PixelEncoder(), limit=20)
    said = set()
    # Of a new generation's 2.5 MB, every part in turn is the one that has no room.
    for room in range(100_000, 2_400_000, 250_000):
        fill(small_disk, leave=room)
        with pytest.raises(StorageError) as caught:
            build(cache, out, PixelEncoder(side=16), checkpoint_frequency=0)
        said.add(caught.value.message)
        assert len(Database.open(out)) == 20
        assert not [path for path in out.iterdir() if path.name.endswith(".part")]
    assert said == {"Cannot write: the disk is full"}


def test_a_full_disk_is_told_by_the_index_of_local_features(
    tmp_path: Path, small_disk: Path
) -> None:
    drawn = [sample for sample in sample_cards(40) if len(sample.faces) == 1][:20]
    images = {f"{sample.card['id']}/front": jpeg(sample.faces[0]) for sample in drawn}
    with ScryfallDouble([sample.card for sample in drawn], images) as double:
        cache = fill_cache(double, tmp_path / "cache")
    out = small_disk / "out"
    options = BuildOptions(cache=cache, out=out, checkpoint_frequency=0)
    build_database(options, encoder=PixelEncoder())
    sizes = {path.name: path.stat().st_size for path in next(out.glob("2*")).iterdir()}
    for name, before in (
        ("mtg_features.npy", 0),
        ("mtg_inverted.faiss", sizes["mtg_features.npy"]),
        ("mtg_inverted_rows.npy", sizes["mtg_features.npy"] + sizes["mtg_inverted.faiss"]),
    ):
        shutil.rmtree(out)
        fill(small_disk, leave=sizes["mtg_embeddings.npy"] + before + sizes[name] // 2 + 30_000)
        with pytest.raises(StorageError, match="Cannot write: the disk is full"):
            build_database(options, encoder=PixelEncoder())
