from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from core.cases import case_store, database
from core.cases.tables import Base
from tests.factories import cases


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
