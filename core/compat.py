"""What leans on the insides of Python and of other libraries; tests/test_compat.py guards each."""

import sys
from collections.abc import Callable
from typing import Any, Generic, TypeVar

# Python 3.11's own `functools.cached_property` holds one lock for all objects of a class, so
# readings on several threads would wait for each other. Python 3.12 removed the lock.
if sys.version_info >= (3, 12):
    from functools import cached_property
else:
    Value = TypeVar("Value")

    class cached_property(Generic[Value]):  # noqa: N801
        """`functools.cached_property` as Python 3.12 has it; objects need a `__dict__`."""

        def __init__(self, make: Callable[[Any], Value]) -> None:
            self._make, self.__doc__ = make, make.__doc__

        def __set_name__(self, owner: type, name: str) -> None:
            self._name = name

        def __get__(self, instance: Any, owner: type | None = None) -> Any:
            if instance is None:
                return self
            return instance.__dict__.setdefault(self._name, self._make(instance))


__all__ = [
    "attach_to_pdf",
    "cached_property",
    "progress_bars",
    "ray_address",
    "silence_openvino_telemetry",
]


def silence_openvino_telemetry() -> None:
    """Keeps OpenVINO's converter from reporting conversions; call it before OpenVINO is imported.

    It reports each conversion to its maker, from forks of the training process that often hang and
    outlive it. If `openvino_telemetry` cannot be imported, it uses a stub instead.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]


def progress_bars() -> list[Any]:
    """Returns the open tqdm bars: kagglehub tells the length of a download to its bar only."""
    from tqdm import tqdm

    with tqdm.get_lock():
        return list(getattr(tqdm, "_instances", ()))


def ray_address() -> str | None:
    """The address of the cluster of RAY_ADDRESS or of `ray start`; None without either.

    Ray offers no public way to it but to connect, which takes minutes where nothing answers.
    """
    from ray._private.services import canonicalize_bootstrap_address

    found: str | None = canonicalize_bootstrap_address(None)
    return found


def attach_to_pdf(canvas: Any, name: str, data: bytes) -> None:
    """Attaches a file, as it is, to the PDF that a ReportLab canvas is about to save.

    ReportLab offers no public way to it. After ISO 32000-1, 7.11.4.
    """
    from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName, PDFStream, PDFString

    document = canvas._doc
    kind = PDFDictionary({"Type": PDFName("EmbeddedFile")})
    stream = document.Reference(PDFStream(kind, data, filters=[]))
    file = {
        "Type": PDFName("Filespec"),
        "F": PDFString(name),
        "UF": PDFString(name),
        "EF": PDFDictionary({"F": stream, "UF": stream}),
    }
    files = PDFArray([PDFString(name), document.Reference(PDFDictionary(file))])
    names = PDFDictionary({"EmbeddedFiles": PDFDictionary({"Names": files})})
    document.Catalog.Names = names
