"""Archives of a run from a seed: damaged as a whole, or in one file with a manifest that fits."""

import io
import random
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from functools import cache

import numpy as np

from core.archive import archive, checks
from core.settings import PROJECT
from tests.chaos import blind_damage, documents
from tests.factories import archives as factory

RUN = PROJECT / "artifacts" / "runs" / "demo-cnn-16"
Files = dict[str, bytes]
Blind = (
    blind_damage.flip_bytes,
    blind_damage.flip_bits,
    blind_damage.truncate,
    blind_damage.cut_out,
    blind_damage.repeat_part,
    blind_damage.fill_part,
    blind_damage.lengths,
)


@cache
def originals() -> Files:
    """The files of the run that all archives are made of."""
    return {file.name: file.read_bytes() for file in RUN.iterdir() if file.name in checks.FILES}


def _blind(data: bytes, rng: random.Random) -> bytes:
    return rng.choice(Blind)(data, rng) if data else b"\0"


def _packed(files: Files, rng: random.Random) -> bytes:
    """An archive as another tool might pack it."""
    stream = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    factory.pack(stream, files, method=method)  # type: ignore[arg-type]
    return stream.getvalue()


def damaged(rng: random.Random) -> bytes:
    """Bytes of the archive are others, missing or too many."""
    return _blind(_packed(originals(), rng), rng)


def headers(rng: random.Random) -> bytes:
    """A header of a member, here or in the directory, says something else."""
    data = bytearray(_packed(originals(), rng))
    mark = rng.choice((b"PK\1\2", b"PK\3\4", b"PK\5\6"))
    places = [at for at in range(len(data) - 60) if data[at : at + 4] == mark][:40]
    places = places or [data.rindex(b"PK\5\6")]
    at = rng.choice(places) + rng.randrange(4, 46 if mark == b"PK\1\2" else 18)
    value = rng.choice((0, 1, 0x40, 0x2000, 0xFFFF, rng.randrange(2**16)))
    data[at : at + 2] = struct.pack("<H", value)
    return bytes(data)


def members(rng: random.Random) -> bytes:
    """Members that should not be there: links, devices, folders, paths, doubled or packed oddly."""
    stream = io.BytesIO(_packed(originals(), rng))
    odd = ("../x", "/etc/passwd", "a/b", "config.json\0.exe", "CON", "config.json", "card.json")
    with zipfile.ZipFile(stream, "a") as target, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        entry = zipfile.ZipInfo(rng.choice(odd))
        kind = rng.choice((stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFDIR, stat.S_IFREG))
        entry.create_system, entry.external_attr = 3, (kind | 0o777) << 16
        entry.compress_type = rng.choice((0, 8, 12, 14))
        target.writestr(entry, rng.choice((b"{}", b"/etc/passwd", bytes(2**22))))
    return stream.getvalue()


def manifests(rng: random.Random) -> bytes:
    """The manifest is another document, or names the run oddly."""
    stream = io.BytesIO()
    names = ("CON", "nul.txt", "a.", "a ", "../x", ".hidden", "a\u202eb", "x" * 300, "", "a/b", 7)
    said = {"run": rng.choice(names)} if rng.random() < 0.5 else {}
    factory.pack(stream, originals(), manifest=said)  # type: ignore[arg-type]
    if said:
        return stream.getvalue()
    with zipfile.ZipFile(stream) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    manifest = documents.parsed(parts[archive.MANIFEST])
    parts[archive.MANIFEST] = documents.mutated(manifest, rng)
    again = io.BytesIO()
    with zipfile.ZipFile(again, "w") as target:
        for name, data in parts.items():
            target.writestr(name, data)
    return again.getvalue()


def _with(name: str, data: bytes, rng: random.Random) -> bytes:
    return _packed(originals() | {name: data}, rng)


def file_damaged(rng: random.Random) -> bytes:
    """Bytes of one file are others."""
    name = rng.choice(sorted(originals()))
    return _with(name, _blind(originals()[name], rng), rng)


def document(rng: random.Random) -> bytes:
    """Fields of one document are others."""
    name = rng.choice([name for name in sorted(originals()) if name.endswith(".json")])
    return _with(name, documents.mutated(documents.parsed(originals()[name]), rng), rng)


def exchanged(rng: random.Random) -> bytes:
    """One file is another, is empty, or is missing."""
    name, other = rng.choices(sorted(originals()), k=2)
    if rng.random() < 0.3:
        return _packed({key: data for key, data in originals().items() if key != name}, rng)
    return _with(name, rng.choice((originals()[other], b"", b"\n" * 2**22, b"[" * 2**17)), rng)


def nested(rng: random.Random) -> bytes:
    """A member of the Keras file or of the reference is damaged, too large, doubled or odd."""
    name = rng.choice(("model.keras", "reference.npz"))
    with zipfile.ZipFile(io.BytesIO(originals()[name])) as whole:
        parts = [(one, whole.read(one)) for one in whole.namelist()]
    at = rng.randrange(len(parts))
    key, data = parts[at]
    parts[at] = rng.choice((
        (key, _blind(data, rng)), (key, _blind(data, rng)), (key, bytes(2**25)), (key, b""),
        (rng.choice(("x.npy", "../x", "evil.pkl")), data), parts[at - 1],
    ))  # fmt: skip
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", rng.choice((0, 8, 14))) as target, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for one, content in parts:
            target.writestr(one, content)
    data = bytearray(stream.getvalue())
    if rng.random() < 0.2:  # says that it is encrypted
        place = data.rindex(b"PK\1\2") + 8
        data[place : place + 2] = struct.pack("<H", rng.choice((1, 0x41)))
    return _with(name, bytes(data), rng)


def network(rng: random.Random) -> bytes:
    """The network that the Keras file describes is another."""
    with zipfile.ZipFile(io.BytesIO(originals()["model.keras"])) as whole:
        parts = {one: whole.read(one) for one in whole.namelist()}
    parts["config.json"] = documents.mutated(documents.parsed(parts["config.json"]), rng)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        for one, content in parts.items():
            target.writestr(one, content)
    return _with("model.keras", stream.getvalue(), rng)


def weights(rng: random.Random) -> bytes:
    """Weights with names for each other, in other files, without end, or of another type."""
    import h5py

    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        group = file.create_group("layers")
        match rng.randrange(6):
            case 0:
                for _ in range(40):
                    inner = group.create_group("0")
                    for other in "123":
                        group[other] = inner
                    group = inner
            case 1:
                group["up"] = file["/"]
            case 2:
                group["w"] = rng.choice((h5py.SoftLink("/layers"), h5py.ExternalLink("x", "/")))
            case 3:
                group.create_dataset("w", (2**30, 2**20), "f4", chunks=(64, 64))
            case 4:
                group.create_dataset("w", data=np.array(["x"], dtype=h5py.string_dtype()))
            case _:
                for number in range(rng.choice((10, 30_000))):
                    group.create_group(str(number))
    with zipfile.ZipFile(io.BytesIO(originals()["model.keras"])) as whole:
        parts = {one: whole.read(one) for one in whole.namelist()}
    again = io.BytesIO()
    with zipfile.ZipFile(again, "w") as target:
        for one, content in (parts | {"model.weights.h5": stream.getvalue()}).items():
            target.writestr(one, content)
    return _with("model.keras", again.getvalue(), rng)


def table(rng: random.Random) -> bytes:
    """A table with other columns, values, types or rows, or one text that all rows name."""
    import pyarrow as pa
    from pyarrow import parquet

    name = rng.choice(("predictions.parquet", "split.parquet"))
    read = parquet.read_table(io.BytesIO(originals()[name]), use_threads=False)
    at = rng.randrange(read.num_columns)
    column, rows = read.column_names[at], read.num_rows
    long = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["x" * 2**20])
    other = (
        pa.nulls(rows), pa.array([1] * rows), pa.array([np.nan] * rows), pa.array([1e300] * rows),
        pa.array(["\u202e" + "x"] * rows), pa.array([[1]] * rows), pa.array([b"\xff"] * rows), long,
        pa.array(["../../x"] * rows), pa.array([True] * rows),
    )  # fmt: skip
    made = rng.choice((
        lambda: read.set_column(at, column, rng.choice(other)), lambda: read.slice(0, 0),
        lambda: read.drop([column]), lambda: read.append_column("more", rng.choice(other)),
        lambda: read.slice(0, 5), lambda: read.rename_columns(["a", *read.column_names[1:]]),
        lambda: pa.concat_tables([read] * 50),
    ))()  # fmt: skip
    stream = io.BytesIO()
    parquet.write_table(made, stream, compression="zstd", store_schema=rng.random() < 0.5)
    return _with(name, stream.getvalue(), rng)


MUTATIONS: tuple[Callable[[random.Random], bytes], ...] = (
    damaged, headers, members, manifests, file_damaged, document, exchanged, nested, network,
    weights, table,
)  # fmt: skip
