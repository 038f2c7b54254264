"""Requests for what a record asks for since it changed: which request each replaces, and who asked last."""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Apply."""
    op.execute("ALTER TABLE commands ADD COLUMN replaces text REFERENCES commands (id), ADD COLUMN repeated_by text")
    op.execute("CREATE UNIQUE INDEX commands_replaces ON commands (replaces) WHERE replaces IS NOT NULL")
