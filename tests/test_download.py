from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from conftest import (
    build,
    card_id,
    download_options,
    jpeg,
    make_card,
    make_images,
    make_picture,
)

from mtg_image_db import (
    DownloadSummary,
    FaceFilter,
    InvalidArguments,
    NothingUsable,
    StorageError,
    download_images,
)
from mtg_image_db.download.ledger import Ledger
from mtg_image_db.scryfall_double import faults
from mtg_image_db.scryfall_double.double import ScryfallDouble
from mtg_image_db.system.locks import exclusive


def files(cache: Path) -> dict[str, bytes]:
    found = sorted((cache / "images").rglob("*"))
    return {str(p.relative_to(cache)): p.read_bytes() for p in found if p.is_file()}


def adds_up(summary: DownloadSummary) -> bool:
    skipped = sum(summary.skipped.values())
    right = summary.cached + summary.downloaded + summary.failed + skipped + summary.unfinished
    return summary.requested == right


def image_requests(double: ScryfallDouble) -> int:
    return len(double.requests_to("/cards/"))


def test_every_image_is_stored_as_served(double: ScryfallDouble, tmp_path: Path) -> None:
    summary = download_images(download_options(double, tmp_path))
    assert (summary.requested, summary.downloaded, summary.unfinished) == (12, 12, 0)
    assert sorted(files(tmp_path).values()) == sorted(make_images(12).values())
    with Ledger(tmp_path) as ledger:
        outcome = ledger.find([card_id(3)])[card_id(3)]
    assert outcome.valid
    assert (tmp_path / outcome.path).stat().st_size == outcome.bytes


def test_a_summary_cannot_be_changed(double: ScryfallDouble, tmp_path: Path) -> None:
    double.inject(card_id(3), faults.not_found(times=None))
    summary = download_images(download_options(double, tmp_path))
    with pytest.raises(FrozenInstanceError):
        summary.downloaded = 12  # type: ignore[misc]
    with pytest.raises(TypeError):
        summary.skipped["other language"] = 1  # type: ignore[index]
    assert (summary.downloaded, summary.failed, summary.skipped["other language"]) == (11, 1, 0)


def test_a_second_run_fetches_nothing(double: ScryfallDouble, tmp_path: Path) -> None:
    download_images(download_options(double, tmp_path))
    asked = image_requests(double)
    summary = download_images(download_options(double, tmp_path))
    assert (summary.cached, summary.downloaded) == (12, 0)
    assert image_requests(double) == asked


def test_a_missing_file_is_fetched_again_and_only_that(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    download_images(download_options(double, tmp_path))
    (tmp_path / next(iter(files(tmp_path)))).unlink()
    summary = download_images(download_options(double, tmp_path))
    assert (summary.cached, summary.downloaded) == (11, 1)


def test_files_without_a_ledger_are_recognised_not_fetched(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    download_images(download_options(double, tmp_path))
    for path in tmp_path.glob("ledger.sqlite*"):
        path.unlink()
    damaged = tmp_path / next(iter(files(tmp_path)))
    damaged.write_bytes(damaged.read_bytes()[:500])
    asked = image_requests(double)
    summary = download_images(download_options(double, tmp_path))
    assert (summary.cached, summary.downloaded) == (11, 1)
    assert image_requests(double) == asked + 1


@pytest.mark.parametrize(
    "fault",
    [
        faults.truncated(0.5),
        faults.html_page(),
        faults.corrupt(),
        faults.empty(),
        faults.garbage(),
        faults.shortened(0.5),
        faults.reset(),
        faults.server_error(503),
        faults.too_many_requests(1),
    ],
)
def test_a_passing_fault_leaves_no_trace_in_the_cache(
    double: ScryfallDouble, tmp_path: Path, fault: faults.Fault
) -> None:
    double.inject(card_id(5), fault)
    summary = download_images(download_options(double, tmp_path))
    assert (summary.downloaded, summary.failed) == (12, 0)
    assert sorted(files(tmp_path).values()) == sorted(make_images(12).values())


def test_lasting_faults_are_counted_by_reason_and_tried_again_later(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    double.inject(card_id(1), faults.not_found(times=None))
    double.inject(card_id(2), faults.shortened(0.5, times=None))
    double.inject(card_id(3), faults.html_page(times=None))
    summary = download_images(download_options(double, tmp_path, max_retries=1))
    assert adds_up(summary)
    assert summary.failed_by_reason == Counter(
        {"HTTP 404": 1, "truncated image": 1, "a web page instead of an image": 1}
    )
    assert {failure.label for failure in summary.failures} == {
        "Card 1 (TST 1)",
        "Card 2 (TST 2)",
        "Card 3 (TST 3)",
    }
    double.clear_faults()
    again = download_images(download_options(double, tmp_path))
    assert (again.cached, again.downloaded, again.failed) == (9, 3, 0)


def test_what_the_rules_exclude_is_skipped_by_reason(tmp_path: Path) -> None:
    cards = [
        make_card(0),
        make_card(1, digital=True),
        make_card(2, set="oth"),
        make_card(3, lang="ja"),
        make_card(4, image_status="missing"),
        make_card(5, image_uris=None),
        make_card(6, image_uris={"normal": "https://evil.example/x.jpg"}),
        make_card(7, image_uris={"normal": "https://errors.scryfall.com/soon.jpg"}),
        make_card(0),
    ]
    cards[0]["name"] = "lone \ud800 surrogate"
    with ScryfallDouble(cards, make_images(8)) as double:
        wanted = FaceFilter(frozenset({"tst"}), frozenset({"en"}))
        summary = download_images(download_options(double, tmp_path, wanted=wanted))
    assert summary.skipped == Counter(
        {
            "digital only": 1,
            "other set": 1,
            "other language": 1,
            "image missing": 1,
            "no image": 1,
            "refused URL": 1,
            "image placeholder": 1,
            "listed twice": 1,
        }
    )
    assert (summary.requested, summary.downloaded) == (9, 1)


def test_a_limit_of_zero_asks_for_nothing(double: ScryfallDouble, tmp_path: Path) -> None:
    summary = download_images(download_options(double, tmp_path, limit=0))
    assert (summary.requested, image_requests(double)) == (0, 0)


def test_a_limit_counts_faces_that_are_wanted(double: ScryfallDouble, tmp_path: Path) -> None:
    assert download_images(download_options(double, tmp_path, limit=5)).downloaded == 5


def test_a_filter_that_matches_nothing_is_an_error(tmp_path: Path) -> None:
    with ScryfallDouble([make_card(0), make_card(1, set="oth", lang="ja")], {}) as double:
        wanted = FaceFilter(sets=frozenset({"tst"}), langs=frozenset({"ja"}))
        with pytest.raises(NothingUsable) as caught:
            download_images(download_options(double, tmp_path, wanted=wanted))
        assert "1 other language" in caught.value.details
        wanted = FaceFilter(sets=frozenset({"tst", "nope"}))
        with pytest.raises(InvalidArguments, match="no card here has the set nope"):
            download_images(download_options(double, tmp_path, wanted=wanted))


def test_a_dry_run_counts_and_fetches_no_image(double: ScryfallDouble, tmp_path: Path) -> None:
    summary = download_images(download_options(double, tmp_path, dry_run=True))
    assert (summary.unfinished, summary.estimated_bytes) == (12, 12 * 111_000)
    assert image_requests(double) == 0


def test_the_metadata_of_all_printings_comes_along(double: ScryfallDouble, tmp_path: Path) -> None:
    download_images(download_options(double, tmp_path, kind="unique_artwork"))
    assert (tmp_path / "bulk" / "unique_artwork.json").exists()
    assert (tmp_path / "bulk" / "default_cards.json").exists()


@pytest.mark.parametrize("size", ["small", "large", "png", "grid", "display"])
def test_every_image_size_can_be_had(double: ScryfallDouble, tmp_path: Path, size: str) -> None:
    summary = download_images(download_options(double, tmp_path, image=size, limit=2))
    assert summary.downloaded == 2


def test_a_new_epoch_replaces_the_image_and_removes_the_old_file(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    download_images(download_options(double, tmp_path))
    before = files(tmp_path)
    cards = [make_card(n) for n in range(12)]
    cards[4]["image_uris"] = {
        size: url.replace("?17", "?18") for size, url in cards[4]["image_uris"].items()
    }
    double.publish(cards)
    summary = download_images(download_options(double, tmp_path))
    after = files(tmp_path)
    assert (summary.cached, summary.downloaded) == (11, 1)
    assert len(after) == 12
    assert len(set(before) - set(after)) == 1


def test_an_old_file_stays_while_the_new_one_cannot_be_had(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    download_images(download_options(double, tmp_path))
    before = files(tmp_path)
    cards = [make_card(n) for n in range(12)]
    cards[4]["image_uris"] = {
        size: url.replace("?17", "?18") for size, url in cards[4]["image_uris"].items()
    }
    double.publish(cards)
    double.inject("?18", faults.not_found(times=None))
    assert download_images(download_options(double, tmp_path)).failed == 1
    assert files(tmp_path) == before


def test_when_every_image_fails_the_requests_are_bounded(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    double.inject("/cards/", faults.status(500, times=None))
    summary = download_images(download_options(double, tmp_path, max_retries=2))
    assert (summary.failed, summary.downloaded) == (12, 0)
    assert image_requests(double) == 12 * 3


def test_a_full_disk_is_noticed_before_the_first_image(
    double: ScryfallDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, 1000))
    with pytest.raises(StorageError, match="free disk space"):
        download_images(download_options(double, tmp_path))
    assert image_requests(double) == 0


@pytest.mark.skipif(os.name == "nt", reason="RLIMIT_FSIZE is POSIX")
def test_a_disk_that_fills_up_ends_the_run_with_what_is_done_kept(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    # 20 kB are enough for the snapshot and the ledger's pages, not for every image.
    double.publish([make_card(n) for n in range(12)], images={f"{card_id(11)}/front": _noise()})
    code = f"""
import resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
from mtg_image_db.cli import main
sys.exit(main(["download", "--kind", "default_cards", "--workers", "1",
               "--cache", {str(tmp_path / "cache")!r}, "--api-url", {double.url!r}]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "ERROR: Storage: Cannot write: a file grew over a size limit" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(files(tmp_path / "cache")) == 11
    summary = download_images(download_options(double, tmp_path / "cache"))
    assert (summary.cached, summary.downloaded) == (11, 1)


def _noise() -> bytes:
    """A JPEG of some 600 kB."""
    import io

    import numpy as np
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (680, 488, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    return stream.getvalue()


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_in_order_and_the_next_one_completes(
    double: ScryfallDouble, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    double.inject("/cards/", *(faults.slow(0.2, times=1) for _ in range(12)))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mtg_image_db", "download", "--kind", "default_cards"),
            *("--workers", "1", "--api-url", double.url, "--cache", str(tmp_path)),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    while image_requests(double) < 4 and process.poll() is None:
        threading.Event().wait(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == code
    assert "run the same command to continue" in said
    assert "Traceback" not in said
    assert not list(tmp_path.rglob("*.part"))
    done = len(files(tmp_path))
    assert 1 <= done < 12
    summary = download_images(download_options(double, tmp_path))
    assert (summary.cached, summary.downloaded) == (done, 12 - done)


def test_a_second_download_waits_for_the_first(double: ScryfallDouble, tmp_path: Path) -> None:
    notes: list[str] = []
    waiting = threading.Event()

    class Notes:
        def start(self, stage: str, total: int | None, unit: str) -> None: ...
        def advance(self, count: int = 1) -> None: ...
        def finish(self) -> None: ...
        def pause(self, message: str, seconds: float) -> None: ...
        def note(self, message: str) -> None:
            notes.append(message)
            waiting.set()

    results: list[DownloadSummary] = []
    with exclusive(tmp_path, "download"):
        second = threading.Thread(
            target=lambda: results.append(
                download_images(download_options(double, tmp_path), Notes())
            )
        )
        second.start()
        assert waiting.wait(10)
        assert image_requests(double) == 0
    second.join(30)
    assert "mtg-db download, process" in notes[0]
    assert results[0].downloaded == 12


def test_a_thousand_images_with_five_corrupt_give_995_entries(tmp_path: Path) -> None:
    images = {f"{card_id(n)}/front": jpeg(make_picture(n, (61, 85))) for n in range(1000)}
    corrupt = (10, 200, 500, 777, 999)
    with ScryfallDouble([make_card(n) for n in range(1000)], images) as double:
        for number in corrupt:
            double.inject(card_id(number), faults.corrupt(times=None))
        summary = download_images(download_options(double, tmp_path, max_retries=1))
    assert (summary.requested, summary.downloaded, summary.failed) == (1000, 995, 5)
    assert {(failure.label, failure.reason) for failure in summary.failures} == {
        (f"Card {n} (TST {n})", "not an image") for n in corrupt
    }
    assert len(files(tmp_path)) == 995
    built = build(tmp_path, tmp_path / "out")
    assert (built.faces, built.entries) == (995, 995)
    assert built.left_out == {"not an image": 5}
