"""The process that fetches C-NMC 2019: `python -m core.workers.fetch`."""

import os
import time
import traceback
from contextlib import suppress
from dataclasses import replace
from typing import NoReturn

from core import storage
from core.data import fetch, kaggle
from core.data.fetch import FetchStatus
from core.errors import BlastLensError


class _Taken(Exception):  # noqa: N818 - a state, not an error
    """Another process is fetching."""


class _Stopped(Exception):  # noqa: N818 - a state, not an error
    """The user asked to stop."""


def work() -> NoReturn:
    """Fetches, leaves a final state and ends the process; leaves it to another that is at it."""
    # Set before kagglehub is imported; the log gets a line of progress every half minute.
    os.environ["KAGGLEHUB_CACHE"] = str(fetch.cache_dir())
    os.environ.setdefault("TQDM_MININTERVAL", "30")
    if hasattr(os, "nice"):
        os.nice(5)  # the app comes first
    try:
        with storage.lock(storage.downloads_dir() / ".fetching", _give_way):
            _fetch()
            # kagglehub's thread may still be writing: the lock is held until it is gone too.
            os._exit(0)
    except _Taken:
        print("Another process is fetching already; this one leaves it to that.")
    os._exit(0)


def _give_way() -> None:
    # One that has just ended holds the lock a moment longer; one at work says so in the status.
    if fetch.status().state == "running":
        raise _Taken


def _fetch() -> None:
    last = FetchStatus(state="running")

    def tell(now: FetchStatus) -> None:
        nonlocal last
        last = now
        with suppress(OSError):  # a full disk is kagglehub's to report
            fetch.write_status(now)
        if fetch.stop_requested():
            raise _Stopped

    state, error, root = "succeeded", None, None
    try:
        tell(last)
        root = kaggle.download(tell)
    except _Stopped:
        state = "cancelled"
    except BlastLensError as problem:
        traceback.print_exc()
        state, error = "failed", str(problem)
    except Exception as problem:
        traceback.print_exc()
        state = "failed"
        error = f"Unexpected {type(problem).__name__}: {problem} (worker.log has the details)."
    last = replace(last, rate=None, seconds_left=None, heartbeat=time.time())
    final = replace(last, state=state, error=error, root=root)
    try:
        fetch.write_status(final)
    except OSError:
        kaggle.make_room()
        fetch.write_status(final)


if __name__ == "__main__":
    work()
