"""A member of a ZIP from elsewhere is read within its limits, or refused in a sentence."""

import io
import random
import struct
import zipfile

import numpy as np
import pytest

from core.errors import ModelError
from core.untrusted import zipped

LIMIT = 2**26


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def read(data: bytes, name: str = "a", most: int = LIMIT, total: int = LIMIT) -> bytes:
    with zipped.opened(io.BytesIO(data), total, ModelError, "It") as members:
        return members.read(name, most)


def refused(data: bytes, words: str, **limits: int) -> None:
    with pytest.raises(ModelError, match=words):
        read(data, **limits)


def test_a_member_comes_back() -> None:
    data = bytes(random.Random(0).randbytes(3 * 2**20))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        assert read(packed({"a": data, "b": b""}, method)) == data


def test_limits_of_a_member_of_all_and_of_the_ratio() -> None:
    data = packed({"a": random.Random(0).randbytes(1000)})
    refused(data, "a is larger than 999 bytes", most=999)
    refused(data, "would unpack to 1,000 bytes; the limit is 999", total=999)
    refused(packed({"a": bytes(8 * 2**20)}), "over 200 times as many")
    assert read(packed({"a": bytes(2**20)})) == bytes(2**20)
    with pytest.raises(ModelError, match="lacks b"):
        read(data, "b")


def test_what_is_encrypted_a_link_twice_there_or_packed_oddly_is_refused() -> None:
    data = bytearray(packed({"a": b"x" * 100}))
    for bit in (0x1, 0x40, 0x2000):
        place = data.rindex(b"PK\1\2") + 8
        refused(data[:place] + struct.pack("<H", bit) + data[place + 2 :], "is encrypted")
    refused(packed({"a": b"x" * 100}, zipfile.ZIP_LZMA), "packed in an odd way")
    refused(packed({"a/": b"", "a": b""}), "not a plain file")
    with pytest.warns(UserWarning, match="Duplicate"):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("a", b"1")
            archive.writestr("a", b"2")
    refused(stream.getvalue(), "holds a twice")


def test_a_directory_of_any_length_is_not_read_into_memory() -> None:
    refused(packed({str(n): b"" for n in range(5000)}), "5,000 members; 4,096 are the most")
    data = packed({str(n).rjust(200): b"" for n in range(6000)})
    refused(data, "its directory has over")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damage_anywhere_is_an_error_of_the_caller(method: int) -> None:
    values = np.linspace(0, 1, 500).astype(np.float32)
    whole = packed({"a": values.tobytes(), "b": b"b" * 300}, method)
    source = random.Random(1)
    told = 0
    for _ in range(500):
        data = bytearray(whole)
        for _ in range(source.randrange(1, 4)):
            data[source.randrange(len(data))] = source.randrange(256)
        try:
            assert read(bytes(data)) == values.tobytes()
        except ModelError:
            told += 1
    assert told > 250


def test_a_truncated_file_is_damaged() -> None:
    whole = packed({"a": b"x" * 1000}, zipfile.ZIP_STORED)
    for length in range(0, len(whole), 7):
        refused(whole[:length], "It is damaged")
