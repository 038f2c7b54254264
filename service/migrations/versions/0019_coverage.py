"""Coverage: which stretches of a Salesforce stream are proven complete, and which were, or must be, caught up.

A replica of the version before notes no gaps until it is replaced: they are in its log, as before.
"""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Apply."""
    op.execute("ALTER TABLE streams ADD COLUMN whole_since timestamptz")
    op.execute(
        """
        CREATE TABLE coverage (
            id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            org        text NOT NULL,
            topic      text NOT NULL,
            sobject    text,
            since      timestamptz,
            until      timestamptz NOT NULL,
            cause      text NOT NULL,
            proof      text NOT NULL,
            records    bigint NOT NULL DEFAULT 0,
            settled_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX coverage_pending ON coverage (org, id) WHERE proof = 'pending'")
