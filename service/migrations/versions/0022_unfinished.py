"""Commands that are not settled, or were given up, are found without looking through all that ever were.

A replica of the version before works on as it did.
"""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Apply."""
    op.execute(
        """
        CREATE INDEX commands_unfinished ON commands (entity, state, created_at)
        WHERE state NOT IN ('SUCCEEDED', 'DECLINED', 'REFUSED', 'REJECTED', 'EXPIRED')
        """
    )
