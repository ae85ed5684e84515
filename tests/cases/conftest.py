"""Every test of this folder runs on SQLite, and on PostgreSQL where there is one."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from core import storage
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


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database without cases (read only)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLASTLENS_ARTIFACTS", str(tmp_path_factory.mktemp("upgraded")))
        patch.delenv("BLASTLENS_DATABASE_URL", raising=False)
        with database.reading():
            database.forget()
        return storage.cases_dir() / "cases.sqlite"


@pytest.fixture(params=["sqlite", "postgresql"], autouse=True)
def database_url(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, sqlite: Path
) -> Iterator[str]:
    """The address of an empty database, which does not wait for the disk."""
    if request.param == "sqlite":
        monkeypatch.delenv("BLASTLENS_DATABASE_URL", raising=False)
        monkeypatch.setattr(database, "SQLITE", (*database.SQLITE, "synchronous = OFF"))
        storage.cases_dir().mkdir(parents=True)
        shutil.copy(sqlite, storage.cases_dir())
    else:
        server = request.getfixturevalue("upgraded")
        name = f"t{os.urandom(6).hex()}"
        create(server, f"{name} TEMPLATE upgraded")
        monkeypatch.setenv("BLASTLENS_DATABASE_URL", f"{server}/{name}")
    yield database.url()
    database.forget()
