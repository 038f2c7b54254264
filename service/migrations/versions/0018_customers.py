"""Customers are found by time, for readers of the API."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Apply."""
    op.execute(
        "CREATE INDEX mirror_customers ON mirror (entity, created_at DESC, object_id DESC) "
        "WHERE object_type = 'customer'"
    )
