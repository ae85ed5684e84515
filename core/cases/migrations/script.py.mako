"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Upgrades the tables."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Takes the upgrade back."""
    ${downgrades if downgrades else "pass"}
