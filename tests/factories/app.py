"""The app driven without a browser: a page opened by its address, its text, its buttons."""

import re

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from tests.conftest import PROJECT


def open_page(name: str) -> AppTest:
    """A page opened as by its address; other pages have not run before it."""
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    if name != "home":
        app.switch_page(f"pages/{name}.py")
    app.run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error, app.success)
    texts = (*kinds, app.title, app.subheader)
    text = "\n".join(str(element.value) for kind in texts for element in kind)
    return re.sub(r"\\(.)", r"\1", text)  # as it is shown, without Markdown's escapes


def button(app: AppTest, label: str) -> Button:
    return next(button for button in app.button if button.label == label)


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def downloads(app: AppTest) -> list[str]:
    return [button.proto.label for button in app.get("download_button")]
