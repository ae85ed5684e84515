"""The app driven without a browser: a page opened by its address, its text, its buttons."""

import re
import time
from typing import Any

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from tests.conftest import PROJECT

AUTH = {
    "redirect_uri": "http://localhost:8501/oauth2callback",
    "cookie_secret": "0123456789abcdef" * 4,
    "client_id": "blastlens",
    "client_secret": "secret",
    "server_metadata_url": "http://localhost:1/.well-known/openid-configuration",
}


def logged_in(**claims: object) -> dict[str, object]:
    """What Streamlit knows of Ada, who has just logged in."""
    now = int(time.time())
    known = {"is_logged_in": True, "sub": "u-1", "name": "Ada", "aud": "blastlens", "iat": now}
    return known | claims


def open_link(name: str, **asked: Any) -> AppTest:
    """A page opened by a link: its address with what it asks for."""
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    app.query_params.update(asked)
    app.switch_page(f"pages/{name}.py").run()
    assert not app.exception
    return app


def open_page(name: str, user: dict[str, object] | None = None, **state: object) -> AppTest:
    """A page opened as by its address; other pages have not run before it.

    With a `user` the app has a log-in, which that user has gone through. `state` is what the
    session knows before.
    """
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    if user is not None:
        app.secrets["auth"] = dict(AUTH)
        app.user = user
    for key, value in state.items():
        app.session_state[key] = value
    if name != "home":
        app.switch_page(f"pages/{name}.py")
    app.run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error, app.success)
    texts = (*kinds, app.title, app.header, app.subheader)
    text = "\n".join(str(element.value) for kind in texts for element in kind)
    return re.sub(r"\\(.)", r"\1", text)  # as it is shown, without Markdown's escapes


def button(app: AppTest, label: str) -> Button:
    return next(button for button in app.button if button.label == label)


def tiles(app: AppTest) -> list[Button]:
    """The buttons under the small pictures of cells."""
    return [button for button in app.button if (button.key or "").startswith("tile_")]


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def downloads(app: AppTest) -> list[str]:
    return [button.proto.label for button in app.get("download_button")]
