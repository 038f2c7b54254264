"""Mapping: the version that each record was made by."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Apply."""
    op.execute("ALTER TABLE outbox ADD COLUMN mapping text NOT NULL DEFAULT ''")
    op.execute("CREATE INDEX outbox_mapping ON outbox (org, mapping)")
