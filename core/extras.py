"""Optional dependencies: what to say if one is not installed."""

from importlib.util import find_spec

from core.errors import ConfigError


def installed(module: str) -> bool:
    """Whether `module` can be imported; it is not."""
    return find_spec(module) is not None


def require(module: str, extra: str, purpose: str) -> None:
    """Raises `ConfigError` with the command that installs `module`, if it is missing.

    `extra` is the package's extra that brings it, `purpose` begins the sentence: "Searching
    settings".
    """
    if not installed(module):
        raise ConfigError(missing(module, extra, purpose))


def missing(module: str, extra: str, purpose: str) -> str:
    """The sentences of `require`."""
    return (
        f"{purpose} needs {module}, which is not installed. Install it with: pip install "
        f"'blastlens[{extra}]', or in a clone: pip install -r requirements.txt."
    )
