"""Every test of this folder runs on SQLite, and on PostgreSQL where there is one."""

import os
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine

from core.cases import database
from tests.factories.postgresql import create


@pytest.fixture(scope="session")
def upgraded(postgresql: str) -> str:
    """The address of a server with an empty database of cases, `upgraded`, to be copied."""
    create(postgresql, "upgraded")
    engine = create_engine(f"{postgresql}/upgraded")
    database.upgrade(engine)
    engine.dispose()
    return postgresql


@pytest.fixture(params=["sqlite", "postgresql"], autouse=True)
def database_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty database."""
    if request.param == "sqlite":
        monkeypatch.delenv("BLASTLENS_DATABASE_URL", raising=False)
    else:
        server = request.getfixturevalue("upgraded")
        name = f"t{os.urandom(6).hex()}"
        create(server, f"{name} TEMPLATE upgraded")
        monkeypatch.setenv("BLASTLENS_DATABASE_URL", f"{server}/{name}")
    yield database.url()
    database.forget()
