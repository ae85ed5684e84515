"""A whole run as one file: a zip of its folder with a manifest of sizes and hashes.

An archive may come from anyone. It is read as data: every entry is checked against what a run may
hold (`core.archive.checks`) before anything is placed among the runs, and nothing in it is run.
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

from core import storage
from core.archive import checks
from core.errors import RunError
from core.runs import run_store
from core.runs.run_store import ImportRecord, Run
from core.settings import settings

FORMAT, VERSION = "blastlens-run", 1
MANIFEST = "manifest.json"
SUFFIX = ".blastlens.zip"
_MANIFEST_BYTES = 2**20
_CHUNK = 2**20
# The earliest that a zip can say: archives of one run are the same, byte for byte.
_DATE = (1980, 1, 1, 0, 0, 0)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class ArchivedFile:
    """What the manifest says of a file."""

    sha256: str
    bytes: int


class ArchiveError(RunError):
    """An archive is not one of a run, is damaged, or holds what a run must not."""


def export(run: Run, file: Path) -> list[str]:
    """Writes a finished run to `file`, atomically; returns the names of the files in it.

    The same run gives the same bytes. What is of this machine alone (logs, locks) stays here.
    Raises `RunError` unless the run succeeded and has all that a reading needs.
    """
    with storage.atomic(file) as temporary, temporary.open("wb") as stream:
        return _write(run, stream)


def packed(run: Run) -> bytes:
    """The archive of a run, as `export` writes it."""
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
    """Copies a file into the archive; its sha256 and bytes, of just what was copied."""
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

    `check` is given the unpacked run before it is placed, and may raise to have it refused. Raises
    `ArchiveError` naming what is wrong with the archive, `RunError` if the name is taken or none;
    nothing is left behind then.
    """
    with storage.lock(storage.imports_dir()):
        storage.imports_dir().mkdir(parents=True, exist_ok=True)
        storage.sweep(storage.imports_dir())  # what an import that was killed has left
        with storage.scratch(storage.imports_dir()) as scratch:
            try:
                with zipfile.ZipFile(source) as archive:
                    exported_as, files, digest = _manifest(archive)
                    target = _free(name or exported_as)
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
            _place(folder, target)
    return Run(target)


def _free(name: str) -> Path:
    target = run_store.folder(name)
    if target.exists():
        raise RunError(
            f"There is a run {name} already, and it is left alone. Import this one under another "
            "name (on the command line: --as NAME)."
        )
    return target


def _place(folder: Path, target: Path) -> None:
    _free(target.name)  # a training may have taken the name meanwhile
    try:
        folder.rename(target)
    except OSError:
        _free(target.name)
        raise


def _manifest(archive: zipfile.ZipFile) -> tuple[str, dict[str, ArchivedFile], str]:
    """The run's name, its files and the manifest's SHA-256, once the entries are as listed."""
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
    listed, there = set(files), set(entries) - {MANIFEST}
    if listed != there:
        odd = ", ".join(sorted(listed ^ there))
        raise ArchiveError(f"{MANIFEST} and the archive disagree on {odd}. Export the run again.")
    if missing := sorted(set(checks.REQUIRED) - there):
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
    """The archive's entries by name, each a plain file that a run may have, small enough."""
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        name, kind = entry.filename, stat.S_IFMT(entry.external_attr >> 16)
        if name in found:
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
        found[name] = entry
    total, limit = sum(entry.file_size for entry in found.values()), settings().max_archive_bytes
    if total > limit:
        raise ArchiveError(
            f"The archive would unpack to {total:,} bytes; the limit is {limit:,} "
            "(max_archive_bytes in core/settings.py)."
        )
    return found


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
    """The content of an entry, which must be `length` bytes, piece by piece.

    zlib's own errors are those of a damaged archive.
    """
    done = 0
    try:
        with archive.open(name) as stream:
            while chunk := stream.read(min(_CHUNK, length - done + 1)):
                done += len(chunk)
                if done > length:
                    break
                yield chunk
    except zlib.error as error:
        raise zipfile.BadZipFile(f"{name}: {error}") from None
    if done != length:
        raise ArchiveError(
            f"{name} unpacks to another size than the {length:,} bytes that it declares. Do not "
            "use the archive."
        )
