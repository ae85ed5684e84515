"""Finds the image that a table or an annotation means by a name."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from core.data.layouts.layout import is_image


class ImageFinder:
    """Finds images by their names in a table, which may lack folders, suffix or upper case."""

    def __init__(self, images: Iterable[str]) -> None:
        """`images`: the paths of all images, with "/"."""
        self._by_stem: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for path in images:
            key = _key(path)
            self._by_stem[key.rpartition("/")[2]].append((key, path))

    def find(self, listed: str) -> list[str]:
        """The images that a name can be: none, one or several."""
        key = _key(listed.strip().replace("\\", "/").lstrip("./"))
        if not key:
            return []
        found = self._by_stem.get(key.rpartition("/")[2], [])
        fitting = [
            (own, path)
            for own, path in found
            if f"/{own}".endswith(f"/{key}") or f"/{key}".endswith(f"/{own}")
        ]
        suffix = PurePosixPath(listed).suffix.lower()
        same = [path for _, path in fitting if PurePosixPath(path).suffix.lower() == suffix]
        return same or [path for _, path in fitting]


def _key(path: str) -> str:
    path = path.lower()
    return path.rpartition(".")[0] if is_image(path) else path
