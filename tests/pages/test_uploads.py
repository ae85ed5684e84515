"""Uploaded files are copied by Streamlit at each run; their bytes are not."""

import copy

from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from streamlit.typing import UploadedFile

from pages.ui.common import cache, uploads


def _file(data: bytes) -> UploadedFile:
    return UploadedFile(UploadedFileRec("one", "scan.tif", "image/tiff", data), FileURLs())


def test_a_copy_of_an_upload_shares_its_bytes() -> None:
    assert uploads.ALL_EXAMPLES  # the module says how copies are made
    data = bytes(range(256)) * 4000
    file = _file(data)
    file.seek(3)
    (twin,) = copy.deepcopy([file])
    assert twin is not file and twin.getvalue() is data and file.getvalue() is data
    assert (twin.file_id, twin.name, twin.type, twin.size) == (
        "one",
        "scan.tif",
        "image/tiff",
        len(data),
    )
    assert twin.read(2) == b"\x03\x04" and file.tell() == 3


def test_the_digest_of_an_upload_leaves_its_bytes_shared() -> None:
    data = bytes(range(256)) * 4000
    file = _file(data)
    assert len(cache.digest("test_uploads", file)) == 64
    assert file.getvalue() is data
