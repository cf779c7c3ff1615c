"""An update: download what is new, and build the database from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from mtg_image_db.building.options import BuildOptions, BuildSummary
from mtg_image_db.building.run import build_database
from mtg_image_db.download.images import download_images
from mtg_image_db.download.options import DownloadOptions, DownloadSummary
from mtg_image_db.errors import InvalidArguments
from mtg_image_db.scryfall.faces import FaceFilter
from mtg_image_db.system.checks import check, wrong_kind
from mtg_image_db.system.progress import Progress


@dataclass(frozen=True)
class UpdateSummary:
    """The result of an update; `built` is None if the download left nothing to build from."""

    downloaded: DownloadSummary
    built: BuildSummary | None


def update_database(
    download: DownloadOptions,
    build: BuildOptions,
    progress: Progress | None = None,
    *,
    on_downloaded: Callable[[DownloadSummary], None] | None = None,
) -> UpdateSummary:
    """Download what is new and build the database from the whole cache.

    Parameters
    ----------
    build
        The build covers the whole cache, so its kind, filter and limit are ignored.
    on_downloaded
        Called with the download's summary, before the build begins.

    Raises
    ------
    MtgDbError
        See `download_images` and `build_database`.
    """
    check(
        wrong_kind("download", download, DownloadOptions), wrong_kind("build", build, BuildOptions)
    )
    if download.cache.resolve() != build.cache.resolve():
        raise InvalidArguments(
            [f"download and build must have one cache, not {download.cache} and {build.cache}"]
        )
    if not build.encoder.by_onnx:
        from mtg_image_db.encoders.openclip import resolve_weights

        # Check this before gigabytes are fetched, not after.
        resolve_weights(build.encoder)
    downloaded = download_images(download, progress)
    if on_downloaded is not None:
        on_downloaded(downloaded)
    if not downloaded.usable or download.dry_run:
        return UpdateSummary(downloaded, None)
    everything = FaceFilter(include_digital=True)
    whole = replace(build, kind=None, limit=None, wanted=everything)
    return UpdateSummary(downloaded, build_database(whole, progress))
