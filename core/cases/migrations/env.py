"""Runs the migrations on the connection that `core.cases.database` hands over."""

from alembic import context

from core.cases.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter columns
)
context.run_migrations()
