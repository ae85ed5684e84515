"""Which folders of the server a user of the pages may name."""

from collections.abc import Sequence
from pathlib import Path

from core.errors import NotAllowedError
from core.settings import settings


def allowed(*, local: bool) -> tuple[Path, ...]:
    """The folders of `BLASTLENS_DATA_ROOTS`; without it the home folder and the artifacts.

    If the app is not `local`, that is served to other machines, there is no such default.
    """
    named = settings().data_roots
    if named is not None:
        return named
    return (Path.home(), settings().artifacts) if local else ()


def require_below(path: str, roots: Sequence[Path]) -> None:
    """Raises `NotAllowedError` if a path does not lie in one of the folders.

    Links and `..` are followed first. The message is the same whether or not the path exists, so
    that nobody learns from it what the server has.
    """
    try:
        place = Path(path).expanduser().resolve()
        inside = any(place.is_relative_to(root.resolve()) for root in roots)
    except (OSError, RuntimeError, ValueError):  # a user or a loop of links, a null character
        inside = False
    if not inside:
        raise NotAllowedError(
            "This path does not lie in a folder that the app may read from. Give one that does, or "
            "have its folder named in BLASTLENS_DATA_ROOTS."
        )
