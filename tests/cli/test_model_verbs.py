"""Models from the command line: one document, errors in one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from core import storage
from core.cli import main
from core.runs import active_model, run_store
from tests.cli.test_command_line import run
from tests.factories.archives import files_of, shipped_run


class Shell:
    """The command line within this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._said = capsys

    def run(self, *arguments: str, status: int = 0) -> tuple[str, str]:
        assert main(list(arguments)) == status
        said = self._said.readouterr()
        return said.out, said.err

    def document(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json")[0])


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def test_devices_tells_what_reads_and_trains(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped_run()
    told = shell.document("devices", "--run", "demo-cnn-16")
    assert told["setting"] == "auto" and "CPU" in told["listed_by_openvino"]
    assert told["reading"] and told["training"]
    monkeypatch.setattr("core.models.device.gpus", list)
    monkeypatch.setenv("BLASTLENS_DEVICE", "gpu")
    _, error = shell.run("devices", "--run", "demo-cnn-16", status=2)
    assert len(error.splitlines()) == 1 and "lists no GPU here" in error


def test_promote_and_undo_tell_what_reads(shell: Shell) -> None:
    for name in ("demo-cnn-16", "demo-cnn-dropout"):
        shipped_run(name)
    first = active_model.active().run_id
    other = next(r.run_id for r in run_store.finished() if r.run_id != first)
    told = shell.document("promote", other)
    assert told["run"] == other and told["previous"] == first and not told["engine_changed"]
    assert active_model.active().run_id == other
    assert shell.document("undo-promotion")["active"] == first
    _, error = shell.run("undo-promotion", status=2)
    assert len(error.splitlines()) == 1 and "no choice can be undone" in error


def test_a_run_goes_out_and_comes_in_with_its_card(shell: Shell, tmp_path: Path) -> None:
    original = shipped_run()
    file = str(tmp_path / "run.zip")
    told = shell.document("card", "demo-cnn-16", "--fill", "contact=the laboratory")
    words = {item["label"]: item for part in told["sections"] for item in part["items"]}
    assert words["Contact"]["value"] == "the laboratory" and told["gaps"] > 0
    out = shell.document("export", "demo-cnn-16", file)
    assert out["bytes"] == Path(file).stat().st_size and "card.json" in out["files"]
    assert shell.document("import", file, "--as", "copy")["exported_as"] == "demo-cnn-16"
    assert files_of(run_store.get("copy")) == files_of(original)
    page, _ = shell.run("card", "copy", "--html")
    assert page.startswith("<!doctype html>") and "the laboratory" in page
    shell.run("card", "copy", "--out", str(tmp_path / "card.md"))
    assert (tmp_path / "card.md").read_text(encoding="utf-8").startswith("# Model card: copy")
    done = run("import", file, status=2)
    assert len(done.stderr.splitlines()) == 1 and "--as NAME" in done.stderr
    assert not list(storage.imports_dir().iterdir())
