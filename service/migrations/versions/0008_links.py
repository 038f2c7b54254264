"""Links: an object of one family names one of another, and is looked at again when that one becomes known."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply."""
    op.execute(
        """
        ALTER TABLE mirror
            ADD COLUMN linked_id text,
            ADD COLUMN announce  boolean NOT NULL DEFAULT false
        """
    )
    op.execute("CREATE INDEX mirror_linked ON mirror (entity, linked_id) WHERE linked_id IS NOT NULL")
