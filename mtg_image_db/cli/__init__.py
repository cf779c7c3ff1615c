"""The command line: it parses, calls the library, and prints. Nothing heavy is imported here."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
import warnings
from _thread import interrupt_main
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

from mtg_image_db.cli.console import print_error, say
from mtg_image_db.cli.parser import parse_arguments
from mtg_image_db.errors import InternalError, MtgDbError, StorageWarning
from mtg_image_db.system.files import too_many_open


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    The exit code: see docs/cli.md.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    _occupy_closed_descriptors()
    # Threads of torch and FAISS spin for a while after each operation, and take the cores from the
    # decoding threads: without this, a build reached 0.84 of the rate its parts allow. The variable
    # is read when torch is imported, so the program must set it, not the library.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # NumPy's BLAS does the same: with two threads, the small products of a photo's local features
    # took nearly twice the time. The variable is read when NumPy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    debug = "--debug" in argv or os.environ.get("MTG_DB_DEBUG") == "1"
    interruption = _catch_signals()
    # Warnings of other packages are for developers; ours are printed as messages.
    if not debug:
        warnings.simplefilter("ignore")
    warnings.simplefilter("always", StorageWarning)
    warnings.showwarning = _show_warning
    code: int
    try:
        arguments = parse_arguments(argv)
        if not debug:
            import logging

            logging.disable(logging.CRITICAL)
        code = arguments.run(arguments)
    except MtgDbError as error:
        if debug:
            traceback.print_exc()
        print_error(error)
        _drop_unwritable_output()
        code = error.exit_code
    except KeyboardInterrupt:
        if not interruption:
            interruption.append(signal.SIGINT)
        say("Interrupted.")
        code = 0
    except BrokenPipeError:
        # The reader of our output has enough (`| head`).
        _drop_unwritable_output()
        code = 0
    except Exception as error:
        if debug:
            raise
        print_error(too_many_open(error) or _defect(error))
        code = 1
    if interruption:
        _leave(128 + interruption[0])
    others = [t for t in threading.enumerate() if t is not threading.main_thread()]
    if any(not thread.daemon for thread in others):
        _leave(code)
    return code


def _drop_unwritable_output() -> None:
    """Drop output that standard output does not accept; Python would retry it at exit."""
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_warning(
    message: Warning | str, category: type[Warning], *where: Any, **more: Any
) -> None:
    if issubclass(category, StorageWarning):
        say(f"WARNING: {message}")
    else:
        _show_usual_warning(message, category, *where, **more)


_show_usual_warning = warnings.showwarning


def _defect(error: Exception) -> InternalError:
    return InternalError(
        "Something went wrong that should not",
        details=f"{type(error).__name__}: {error}",
        suggestion="Run the command again with --debug and report what it prints.",
    )


def _occupy_closed_descriptors() -> None:
    """Open the null device in place of closed standard streams.

    Otherwise the next opened file would be the standard output of all native libraries.
    """
    while None in (sys.stdin, sys.stdout, sys.stderr):
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            return


def _leave(code: int) -> NoReturn:
    """End the process now: all is recorded, but a thread may still wait for a silent server."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.flush()
    os._exit(code)


def _catch_signals() -> list[int]:
    """Make SIGTERM end work like Ctrl-C; return a list that will hold the received signal."""
    caught: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        caught.append(number)
        raise KeyboardInterrupt

    def unraisable(problem: sys.UnraisableHookArgs) -> None:
        if not isinstance(problem.exc_value, KeyboardInterrupt):
            sys.__unraisablehook__(problem)
            return
        # The signal came while an object was being destroyed, where an exception is lost. So send
        # it again a moment later.
        again = threading.Timer(0.05, interrupt_main, caught[-1:])
        again.daemon = True
        again.start()

    sys.unraisablehook = unraisable
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            signal.signal(number, handle)
        except ValueError:  # not the main thread: the host program decides
            break
    return caught
