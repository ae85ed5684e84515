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
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from core import locks, storage
from core.archive import checks
from core.errors import RunError
from core.runs import about, run_store
from core.runs.import_record import ImportRecord
from core.runs.run_store import Run
from core.settings import settings

FORMAT, VERSION = "blastlens-run", 1
MANIFEST = "manifest.json"
SUFFIX = ".blastlens.zip"
_MANIFEST_BYTES = 2**20
_CHUNK = 2**20
# The earliest date of a zip; a constant, so that archives of one run are identical.
_DATE = (1980, 1, 1, 0, 0, 0)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1


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
    if run.status.state != "succeeded":
        raise RunError(
            f"Run {run.run_id} is {run.status.state}; only a run that succeeded can be exported."
        )
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
    file is left.
    """
    with locks.lock(storage.imports_dir()):
        storage.imports_dir().mkdir(parents=True, exist_ok=True)
        storage.sweep(storage.imports_dir())  # left by an import that was killed
        with storage.scratch(storage.imports_dir()) as scratch:
            try:
                with zipfile.ZipFile(source) as archive:
                    exported_as, files, digest = _manifest(archive)
                    target = _free_folder(name or exported_as)
                    folder = scratch / target.name
                    folder.mkdir()
                    _unpack(archive, files, folder)
            except (zipfile.BadZipFile, EOFError, NotImplementedError, OverflowError) as error:
                raise ArchiveError(f"The archive is damaged ({error}). Export it again.") from None
            run = Run(folder)
            checks.require(run)
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


def _manifest(archive: zipfile.ZipFile) -> tuple[str, dict[str, ArchivedFile], str]:
    """The name of the run, its files, which must be those of the archive, and the SHA-256."""
    entries = _entries(archive)
    if MANIFEST not in entries:
        raise ArchiveError(f"The archive has no {MANIFEST}, so it is no export of a run.")
    if entries[MANIFEST].file_size > _MANIFEST_BYTES:
        raise ArchiveError(f"{MANIFEST} is larger than {_MANIFEST_BYTES:,} bytes.")
    text = b"".join(_chunks(archive, MANIFEST, entries[MANIFEST].file_size))
    try:
        manifest = json.loads(text.decode("utf-8"))
        kind, version = manifest["format"], manifest["version"]
        files = {
            str(name): ArchivedFile(str(file["sha256"]), int(file["bytes"]))
            for name, file in manifest["files"].items()
        }
        run = str(manifest["run"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ArchiveError(f"{MANIFEST} is damaged. Export the run again.") from None
    if (kind, version) != (FORMAT, VERSION):
        raise ArchiveError(
            f"The archive is of the format {str(kind)[:40]!r}, version {str(version)[:20]!r}; this "
            f"BlastLens reads {FORMAT!r}, version {VERSION}."
        )
    listed, stored = set(files), set(entries) - {MANIFEST}
    if listed != stored:
        odd = ", ".join(sorted(listed ^ stored))
        raise ArchiveError(f"{MANIFEST} and the archive disagree on {odd}. Export the run again.")
    if missing := sorted(set(checks.REQUIRED) - stored):
        raise ArchiveError(f"The archive lacks {', '.join(missing)}. Export the run again.")
    for name, file in files.items():
        size = entries[name].file_size
        if not re.fullmatch(r"[0-9a-f]{64}", file.sha256) or file.bytes != size:
            raise ArchiveError(
                f"{name} has {size:,} bytes; {MANIFEST} says {file.bytes:,}. The "
                "archive was changed after its export: do not use it."
            )
    return run, files, hashlib.sha256(text).hexdigest()


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The entries of the archive by name: plain files of a run within the size limit."""
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        name, kind = entry.filename, stat.S_IFMT(entry.external_attr >> 16)
        if name in entries:
            raise ArchiveError(f"The archive holds {name} twice. Do not use it.")
        if name != MANIFEST and name not in checks.FILES:
            raise ArchiveError(
                f"The archive holds {name[:200]!r}, which is no file of a run (those are "
                f"{', '.join(sorted(checks.FILES))}). Do not use it."
            )
        if kind not in (0, stat.S_IFREG):
            raise ArchiveError(f"{name} is a link or a device, not a plain file. Do not use it.")
        if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
            raise ArchiveError(f"{name} is encrypted or packed in an odd way. Export it again.")
        entries[name] = entry
    total, limit = sum(entry.file_size for entry in entries.values()), settings().max_archive_bytes
    if total > limit:
        raise ArchiveError(
            f"The archive would unpack to {total:,} bytes; the limit is {limit:,} "
            "(max_archive_bytes in core/settings.py)."
        )
    return entries


def _unpack(archive: zipfile.ZipFile, files: dict[str, ArchivedFile], folder: Path) -> None:
    """Writes each file while hashing it; stops at the first byte beyond its declared size."""
    for name, file in files.items():
        digest = hashlib.sha256()
        with (folder / name).open("xb") as target:
            for chunk in _chunks(archive, name, file.bytes):
                digest.update(chunk)
                target.write(chunk)
        if digest.hexdigest() != file.sha256:
            raise ArchiveError(
                f"{name} is not what was exported: its SHA-256 differs from the one in {MANIFEST}. "
                "Do not use the archive; export the run again."
            )


def _chunks(archive: zipfile.ZipFile, name: str, length: int) -> Iterator[bytes]:
    """Yields the content of an entry, which must have `length` bytes.

    Errors of zlib become errors of a damaged archive.
    """
    size = 0
    try:
        with archive.open(name) as stream:
            while chunk := stream.read(min(_CHUNK, length - size + 1)):
                size += len(chunk)
                if size > length:
                    break
                yield chunk
    except zlib.error as error:
        raise zipfile.BadZipFile(f"{name}: {error}") from None
    if size != length:
        raise ArchiveError(
            f"{name} unpacks to another size than the {length:,} bytes that it declares. Do not "
            "use the archive."
        )
