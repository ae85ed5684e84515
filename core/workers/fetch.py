"""The worker that fetches C-NMC 2019: `python -m core.workers.fetch [FOLDER]`."""

import os

from core.data import fetch_job, kaggle
from core.data.fetch_job import Fetch
from core.jobs.job import Status
from core.jobs.reporter import Reporter
from core.workers import worker

_COUNTED = ("phase", "done", "total", "rate", "seconds_left")


def work(job: Fetch, reporter: Reporter) -> None:
    """Fetches, and gives the data's folder."""
    # Set before kagglehub is imported; the log gets a line of its progress every half minute.
    os.environ["KAGGLEHUB_CACHE"] = str(fetch_job.cache_dir())
    os.environ.setdefault("TQDM_MININTERVAL", "30")
    worker.step_back()

    def report(status: Status) -> None:
        reporter.update(now=True, **{name: getattr(status, name) for name in _COUNTED})

    reporter.begin("connecting")
    reporter.update(root=kaggle.download(report))


if __name__ == "__main__":
    worker.main(Fetch, work)
