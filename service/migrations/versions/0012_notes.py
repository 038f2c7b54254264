"""Notes: objects to look at again, left by whoever learned something about them without touching their rows."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Apply."""
    op.execute(
        """
        CREATE TABLE notes (
            id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            entity    text NOT NULL,
            object_id text NOT NULL
        )
        """
    )
