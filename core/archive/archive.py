"""Exports and imports a run as an archive: a zip of its folder, with a manifest of hashes.

An archive is not trusted: every entry is checked (`core.archive.checks`) before the run is placed
among the others, and nothing in it is executed.
"""

import hashlib
import io
import json
import re
import stat
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from core import storage
from core.archive import checks, examination, incoming
from core.errors import RunError
from core.runs import about, run_store
from core.runs.import_record import ImportRecord
from core.runs.run_store import Run
from core.settings import settings
from core.untrusted import zipped
from core.untrusted.zipped import Members

FORMAT, VERSION = "blastlens-run", 1
MANIFEST = "manifest.json"
SUFFIX = ".blastlens.zip"
_MANIFEST_BYTES = 2**20
_CHUNK = 2**20
# The earliest date of a zip; a constant, so that archives of one run are identical.
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class ArchivedFile:
    """A file in the manifest."""

    sha256: str
    bytes: int


class ArchiveError(RunError):
    """Raised if an archive is not one of a run, is damaged, or has forbidden content."""


def export(run: Run, file: Path) -> list[str]:
    """Writes a finished run to `file`, atomically; returns the names of the files in it.

    The same run gives the same bytes. Logs and locks are left out. Raises `RunError` if the run has
    not succeeded or lacks a required file.
    """
    with storage.atomic(file) as temporary, temporary.open("wb") as stream:
        return _write(run, stream)


def packed(run: Run) -> bytes:
    """Returns the archive of a run, as `export` writes it."""
    stream = io.BytesIO()
    _write(run, stream)
    return stream.getvalue()


def _write(run: Run, stream: IO[bytes]) -> list[str]:
    run.require_succeeded("be exported")
    missing = [name for name in checks.REQUIRED if not (run.path / name).is_file()]
    if missing:
        raise RunError(f"Run {run.run_id} has lost {', '.join(missing)}. Train it again.")
    files = [name for name in sorted(checks.FILES) if (run.path / name).is_file()]
    described = {}
    with zipfile.ZipFile(stream, "w") as archive:
        for name in files:
            described[name] = asdict(_add(archive, name, run.path / name))
        manifest = {"format": FORMAT, "version": VERSION, "run": run.run_id, "files": described}
        text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        archive.writestr(_entry(MANIFEST), text.encode())
    return files


def _add(archive: zipfile.ZipFile, name: str, file: Path) -> ArchivedFile:
    """Copies a file into the archive; returns its sha256 and bytes as copied."""
    digest, length = hashlib.sha256(), 0
    entry = _entry(name)
    entry.file_size = file.stat().st_size
    with file.open("rb") as source, archive.open(entry, "w") as target:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            length += len(chunk)
            target.write(chunk)
    return ArchivedFile(digest.hexdigest(), length)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16
    return entry


def import_run(
    source: Path | IO[bytes],
    name: str | None = None,
    *,
    check: Callable[[Run], None] | None = None,
) -> Run:
    """Verifies an archive and places its run among the others, under its own name or `name`.

    `check` is called with the unpacked run before it is placed, and may raise to refuse it. Raises
    `ArchiveError` if the archive is refused, `RunError` if the name is taken or invalid; then no
    file is left. Several processes may import at once.
    """
    with incoming.folder() as scratch:
        with zipped.opened(
            source, settings().max_archive_bytes, ArchiveError, "The archive"
        ) as members:
            _require_names(members)
            exported_as, files, digest = _manifest(members)
            target = _free_folder(name or exported_as)
            folder = scratch / target.name
            folder.mkdir()
            _unpack(members, files, folder)
        run = Run(folder)
        examination.require(run)
        if check:
            check(run)
        record = ImportRecord(at=time.time(), archive=digest, run=exported_as)
        record.write(folder / "import.json")
        if about.archived(run):  # there; here it has just been asked for
            about.of(run).replace(archived=False).write(folder / about.FILE)
        _place(folder, target)
    return Run(target)


def _free_folder(name: str) -> Path:
    target = run_store.folder(name)
    if target.exists():
        raise RunError(
            f"There is a run {name} already, and it is left alone. Import this one under another "
            "name (on the command line: --as NAME)."
        )
    return target


def _place(folder: Path, target: Path) -> None:
    _free_folder(target.name)  # a training may have taken it
    try:
        folder.rename(target)
    except OSError:
        _free_folder(target.name)
        raise


def _require_names(members: Members) -> None:
    for name in members.names:
        if name != MANIFEST and name not in checks.FILES:
            raise ArchiveError(
                f"The archive holds {name[:200]!r}, which is no file of a run (those are "
                f"{', '.join(sorted(checks.FILES))}). Do not use it."
            )


def _manifest(members: Members) -> tuple[str, dict[str, ArchivedFile], str]:
    """The name of the run, its files, which must be those of the archive, and the SHA-256."""
    if MANIFEST not in members:
        raise ArchiveError(
            f"The archive has no {MANIFEST}, so it is not an export of a run. Give a ZIP file that "
            "BlastLens exported."
        )
    text = members.read(MANIFEST, _MANIFEST_BYTES)
    try:
        manifest = json.loads(text.decode("utf-8"))
        kind, version = manifest["format"], manifest["version"]
        files = {
            str(name): ArchivedFile(str(file["sha256"]), int(file["bytes"]))
            for name, file in manifest["files"].items()
        }
        run = str(manifest["run"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        raise ArchiveError(f"{MANIFEST} is damaged. Export the run again.") from None
    if (kind, version) != (FORMAT, VERSION):
        raise ArchiveError(
            f"The archive is of the format {str(kind)[:40]!r}, version {str(version)[:20]!r}; "
            f"this BlastLens reads {FORMAT!r}, version {VERSION}. Update BlastLens, or export the "
            "run again."
        )
    listed, stored = set(files), set(members.names) - {MANIFEST}
    if listed != stored:
        odd = ", ".join(sorted(listed ^ stored))[:300]
        raise ArchiveError(f"{MANIFEST} and the archive disagree on {odd}. Export the run again.")
    if missing := sorted(set(checks.REQUIRED) - stored):
        raise ArchiveError(f"The archive lacks {', '.join(missing)}. Export the run again.")
    for name, file in files.items():
        size = members.size(name)
        if not re.fullmatch(r"[0-9a-f]{64}", file.sha256) or file.bytes != size:
            raise ArchiveError(
                f"{name} has {size:,} bytes; {MANIFEST} says {file.bytes:,}. The "
                "archive was changed after its export: do not use it."
            )
    return run, files, hashlib.sha256(text).hexdigest()


def _unpack(members: Members, files: dict[str, ArchivedFile], folder: Path) -> None:
    """Writes each file while hashing it; stops at the first byte beyond its declared size."""
    for name, file in files.items():
        digest = hashlib.sha256()
        with (folder / name).open("xb") as target:
            for chunk in members.chunks(name, checks.most_bytes(name)):
                digest.update(chunk)
                target.write(chunk)
        if digest.hexdigest() != file.sha256:
            raise ArchiveError(
                f"{name} is not what was exported: its SHA-256 differs from the one in {MANIFEST}. "
                "Do not use the archive; export the run again."
            )
