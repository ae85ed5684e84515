"""The token by which the processes of a Ray cluster know each other."""

import os
import secrets
from pathlib import Path

_MODE, _TOKEN, _PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"


def provide() -> None:
    """Has this process and those that it starts show the user's token; call it before `import ray`.

    `ray start` asks for the token as soon as the user has one, but `ray.init` shows it only if
    RAY_AUTH_MODE says so. Without one, a token is made for a cluster that this process may start:
    Ray would keep its own in the user's home. Nothing changes where RAY_AUTH_MODE is set.
    """
    if _MODE in os.environ:
        return
    kept = Path.home() / ".ray" / "auth_token"
    if not (_TOKEN in os.environ or _PATH in os.environ or kept.is_file()):
        os.environ[_TOKEN] = secrets.token_hex(32)
    os.environ[_MODE] = "token"
