import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, event, inspect, text

from core.cases import case_store, database
from core.cases.tables import Base
from core.errors import CaseError
from tests.factories import cases
from tests.factories.case_processes import PROCESSES, need_forks, place


def use_until(where: dict[str, str], statement: str) -> None:
    """Ends, as if it were killed, once the migration has come to a statement."""
    os.environ.update(where)

    @event.listens_for(Engine, "after_cursor_execute")
    def end(_: object, cursor: object, done: str, *more: object) -> None:
        if " ".join(done.split()).startswith(statement):
            os._exit(9)

    case_store.cases()


def test_the_migrations_make_the_tables_that_the_code_has(database_url: str) -> None:
    cases.make()
    engine = create_engine(database_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_a_migration_can_be_taken_back_and_done_again(database_url: str) -> None:
    case_store.cases()
    database.forget()
    engine = create_engine(database_url)
    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    database.upgrade(engine)
    engine.dispose()
    assert case_store.get(cases.make()).version == 2


def test_two_databases_are_upgraded_at_once(tmp_path: Path) -> None:
    engines = [create_engine(f"sqlite:///{tmp_path / name}.sqlite") for name in "abcdef"]
    with ThreadPoolExecutor(2) as two:
        list(two.map(database.upgrade, engines))
    for engine in engines:
        assert {*Base.metadata.tables} < {*inspect(engine).get_table_names()}
        engine.dispose()


def test_a_database_of_a_later_version_is_refused_and_left_alone(database_url: str) -> None:
    cases.make()
    database.forget()
    engine = create_engine(database_url)
    set_version = text("UPDATE alembic_version SET version_num = :version")
    with engine.begin() as connection:
        ours = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        connection.execute(set_version, {"version": "9999"})
    with pytest.raises(CaseError, match=r"of a later version of BlastLens .*9999.*Update"):
        case_store.cases()
    with engine.begin() as connection:
        assert connection.execute(text('SELECT count(*) FROM "case"')).scalar_one() == 1
        connection.execute(set_version, {"version": ours})
    engine.dispose()
    assert len(case_store.cases()) == 1


@need_forks
@pytest.mark.process
@pytest.mark.parametrize("statement", ["CREATE TABLE event", "CREATE INDEX", "INSERT INTO alembic"])
def test_a_migration_that_was_killed_is_done_again(database_url: str, statement: str) -> None:
    """At whatever statement its process ends, the next one finds the tables of before."""
    case_store.cases()
    database.forget()
    engine = create_engine(database_url)
    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    user = PROCESSES.Process(target=use_until, args=(place(), statement))
    user.start()
    user.join(60)
    assert user.exitcode == 9
    assert inspect(engine).get_table_names() == ["alembic_version"]
    assert case_store.get(cases.make()).version == 2
    engine.dispose()


def test_readers_do_not_wait_for_a_writer(database_url: str) -> None:
    case_id = cases.make()
    with database.writing() as (session, _):
        session.execute(text("UPDATE \"case\" SET name = 'half written'"))
        assert case_store.get(case_id).name == "Case 1"
        session.rollback()
    if database_url.startswith("sqlite"):
        with database.reading() as session:
            assert session.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
    assert case_store.get(case_id).name == "Case 1"
