"""The worker that draws a map: `python -m core.workers.embedding FOLDER`."""

from pathlib import Path

from core.data import datasets, measures
from core.embedding import embedding_map
from core.embedding.embedding_job import EmbeddingJob, MapRequest
from core.embedding.embedding_map import EmbeddingMap
from core.embedding.projection import METHODS
from core.jobs.reporter import Reporter
from core.runs.run_store import Run
from core.workers import worker


def work(job: EmbeddingJob, reporter: Reporter) -> None:
    """Obtains the features, measuring or reading the cells that have none yet, and projects."""
    worker.step_back()
    request = job.request
    draw = _of_run if request.run else _of_data_set
    draw(request, reporter).save(job.file)


def _of_data_set(request: MapRequest, reporter: Reporter) -> EmbeddingMap:
    reporter.begin("measuring the cells")
    index = datasets.index(Path(request.root or ""), reporter.progress)
    measured = measures.measure(index, reporter.progress)
    reporter.phase(f"drawing by {METHODS[request.method]}")
    return embedding_map.of_measures(index.cells, measured, request.method)


def _of_run(request: MapRequest, reporter: Reporter) -> EmbeddingMap:
    reporter.begin("reading the cells")

    def progress(done: int, total: int) -> None:
        reporter.progress(done, total)
        if done == total:
            reporter.phase(f"drawing by {METHODS[request.method]}")

    return embedding_map.of_model(Run(Path(request.run or "")), request.method, progress)


if __name__ == "__main__":
    worker.main(EmbeddingJob, work)
