"""Download card images and Scryfall's data about them.

Run it again to continue, or to fetch new images: valid images are not fetched again.
"""

from __future__ import annotations

import argparse
from collections import Counter

from mtg_image_db.cli.arguments import (
    Choice,
    environment,
    integer,
    url,
)
from mtg_image_db.cli.bars import Bars
from mtg_image_db.cli.console import command, counted, print_error, say, size_text
from mtg_image_db.cli.options import (
    add_cache,
    add_filters,
    add_limit,
    add_no_wait,
    add_report,
    add_strict,
)
from mtg_image_db.download.options import (
    DEFAULT_API_URL,
    LEAST_TIMEOUT_CONNECT,
    LEAST_TIMEOUT_READ,
    WORKERS,
    DownloadOptions,
    DownloadSummary,
)
from mtg_image_db.scryfall.faces import IMAGE_SIZES, FaceFilter
from mtg_image_db.scryfall.kinds import KINDS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add(
        "--kind",
        type=Choice("--kind", KINDS),
        default="unique_artwork",
        metavar="KIND",
        help="fetch the images of this bulk snapshot: " + ", ".join(KINDS) + " (%(default)s)",
    )
    add_cache(parser)
    add_limit(parser)
    add_filters(parser)
    add("--include-digital", action="store_true", help="also cards that exist on screens only")
    add(
        "--image",
        type=Choice("--image", IMAGE_SIZES),
        default="normal",
        metavar="SIZE",
        help="image size: " + ", ".join(IMAGE_SIZES) + " (%(default)s)",
    )
    add(
        "--workers",
        type=integer("--workers", *WORKERS),
        default=16,
        metavar="N",
        help="images fetched at once, 1 to 128 (%(default)s)",
    )
    add(
        "--timeout-connect",
        type=integer("--timeout-connect", LEAST_TIMEOUT_CONNECT),
        default=5,
        metavar="SECONDS",
        help="longest wait to reach a server, at least 1 (%(default)s)",
    )
    add(
        "--timeout-read",
        type=integer("--timeout-read", LEAST_TIMEOUT_READ),
        default=30,
        metavar="SECONDS",
        help="longest wait between two pieces of an answer, at least 5 (%(default)s)",
    )
    add(
        "--max-retries",
        type=integer("--max-retries", 0),
        default=5,
        metavar="N",
        help="retries of each image, whatever went wrong (%(default)s)",
    )
    add(
        "--refresh",
        action="store_true",
        help="ask for a new snapshot even if the cached one is less than a day old",
    )
    add(
        "--dry-run",
        action="store_true",
        help="fetch only the snapshot, no images; count them and estimate their size",
    )
    add(
        "--verify",
        action="store_true",
        help="first decode all cached images again, and replace invalid ones",
    )
    add_report(parser, "every outcome")
    add_strict(parser, "some images failed")
    add_no_wait(parser)
    add(
        "--api-url",
        type=url("--api-url"),
        default=environment("MTG_DB_API_URL", DEFAULT_API_URL),
        metavar="URL",
        help=f"another Scryfall-compatible server ({DEFAULT_API_URL}; MTG_DB_API_URL)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Download."""
    from mtg_image_db.download.images import download_images

    options = options_of(arguments)
    summary = download_images(options, Bars())
    print_summary(summary, options)
    write_report(summary, options, arguments)
    return exit_code(summary, strict=arguments.strict)


def options_of(arguments: argparse.Namespace) -> DownloadOptions:
    """The download options from the arguments."""
    return DownloadOptions(
        cache=arguments.cache,
        kind=arguments.kind,
        limit=arguments.limit,
        workers=arguments.workers,
        timeout_connect=arguments.timeout_connect,
        timeout_read=arguments.timeout_read,
        max_retries=arguments.max_retries,
        image=arguments.image,
        wanted=FaceFilter(arguments.set, arguments.lang, arguments.include_digital),
        api_url=arguments.api_url,
        refresh=arguments.refresh,
        dry_run=arguments.dry_run,
        verify=arguments.verify,
        wait=not arguments.no_wait,
    )


def write_report(
    summary: DownloadSummary, options: DownloadOptions, arguments: argparse.Namespace
) -> None:
    """Write the report, if the user asked for one."""
    if arguments.report:
        from mtg_image_db.download.report import write_report as write

        write(arguments.report, summary, options)
        say(f"Report: {arguments.report}")


def exit_code(summary: DownloadSummary, *, strict: bool) -> int:
    """The exit code of a download; prints why it was stopped."""
    if summary.interrupted:
        raise KeyboardInterrupt
    if summary.stopped is not None:
        print_error(summary.stopped)
        return summary.stopped.exit_code
    if not summary.usable:
        return 2
    return 4 if strict and summary.failed else 0


def print_summary(
    summary: DownloadSummary, options: DownloadOptions, *, build_follows: bool = False
) -> None:
    """Print counts that add up, the failures by reason, and what to do next.

    Parameters
    ----------
    build_follows
        The caller builds next, so the summary need not suggest it.
    """
    if (verified := summary.verified) is not None:
        images = counted(verified.total, "image")
        say(f"Verified {images}: {len(verified.invalid):,} invalid, removed.")
    rows = summary.rows
    if rows.broken or rows.blank:
        first = f" ({'; '.join(rows.first_broken)})" if rows.first_broken else ""
        say(f"Snapshot: {rows.broken} broken and {rows.blank} blank lines left out{first}.")
    parts = [
        f"{summary.cached:,} cached",
        f"{summary.downloaded:,} downloaded",
        f"{summary.failed:,} failed",
        f"{sum(summary.skipped.values()):,} skipped",
    ]
    if options.dry_run:
        parts.append(f"{summary.unfinished:,} to download")
    elif summary.unfinished:
        parts.append(f"{summary.unfinished:,} not tried")
    say(f"Requested {counted(summary.requested, 'face')}: {', '.join(parts)}.")
    if summary.downloaded:
        rate = summary.downloaded / summary.seconds if summary.seconds else 0.0
        say(
            f"Fetched {size_text(summary.bytes)} in {summary.seconds:.1f} s "
            f"({rate:.1f} images/s) with {counted(options.workers, 'worker')}."
        )
    for why, count in Counter(summary.skipped).most_common():
        say(f"  skipped {count:>7,}  {why}")
    for why, count in summary.failed_by_reason.most_common():
        say(f"  failed  {count:>7,}  {why}")
    for failure in summary.failures[:10]:
        say(f"  - {failure.label}: {failure.reason}")
    if summary.failed > 10:
        say(f"  - and {summary.failed - 10:,} more")
    step = _next_step(summary, options)
    if step is None:
        again = "Run the same command again to retry failed images." if summary.failed else ""
        following = "" if build_follows else f"Next: {command('build', cache=options.cache)}"
        step = f"{again} {following}".strip()
    if step:
        say(step)


def _next_step(summary: DownloadSummary, options: DownloadOptions) -> str | None:
    """Why images are missing, and what to do; None if a build can follow."""
    if options.dry_run:
        return f"Dry run: about {size_text(summary.estimated_bytes)} would be fetched."
    if summary.stopped is not None:
        return "Stopped. Everything fetched is kept: run the same command to continue."
    if summary.interrupted:
        return "Interrupted. Everything fetched is kept: run the same command to continue."
    if summary.requested == sum(summary.skipped.values()):
        return "Nothing was requested (--limit 0)."
    if summary.cached + summary.downloaded == 0:
        return (
            "No image could be fetched. Check the connection and run the same command again; "
            "it retries failed images."
        )
    return None
