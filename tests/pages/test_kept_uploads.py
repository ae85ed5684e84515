"""Uploads are kept for their browser, for a while, and within a limit of memory."""

from dataclasses import replace

import pytest
from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string

from core.settings import settings
from pages.ui.common import compat, kept_uploads
from pages.ui.common.uploads import Upload


def upload(name: str, size: int = 4) -> Upload:
    return Upload(name, name, lambda: b"\0" * size, size)


def names(whose: str) -> list[str]:
    return [one.name for one in kept_uploads.kept(whose, "predict")[0]]


def test_they_are_served_to_their_owner_alone_and_forgotten_when_taken_away() -> None:
    kept_uploads.keep("a", "predict", [upload("one.bmp")])
    assert names("a") == ["one.bmp"] and names("b") == []
    kept_uploads.keep("a", "predict", [])
    assert names("a") == []


def test_the_oldest_leave_first_and_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    little = replace(settings(), max_scan_bytes=10)
    monkeypatch.setattr(kept_uploads, "settings", lambda: little)
    kept_uploads.keep("a", "predict", [upload("one.bmp"), upload("two.bmp")])
    kept_uploads.keep("b", "predict", [upload("three.bmp")])
    left, dropped = kept_uploads.kept("a", "predict")
    assert [one.name for one in left] == ["two.bmp"] and dropped == ["one.bmp"]
    assert names("b") == ["three.bmp"]


def test_they_leave_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    kept_uploads.keep("a", "predict", [upload("one.bmp")])
    monkeypatch.setattr(kept_uploads, "SECONDS", -1)
    assert names("a") == []


def test_a_browser_has_one_token_however_it_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    token = bytes(range(16))

    def seen(token: bytes) -> bytes | None:
        cookies = {compat.XSRF_COOKIE_NAME: generate_xsrf_token_string(token)}
        monkeypatch.setattr(type(compat.st.context), "cookies", cookies)
        return compat.browser_token()

    assert seen(token) == seen(token) == token
    assert seen(b"guess") is None
