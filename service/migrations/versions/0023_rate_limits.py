"""How many requests a second each account may be asked, shared by every process."""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Apply."""
    op.execute("CREATE TABLE rate_limits (scope text PRIMARY KEY, free_at timestamptz NOT NULL)")
