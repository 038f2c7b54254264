"""A position belongs to one feed of a stream: what one API counts by, another does not understand."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Apply."""
    # A replica of the version before, which knows one feed only, goes on with the streams it holds; it claims no other,
    # and says so in its log, until it is replaced.
    op.execute("ALTER TABLE streams ADD COLUMN feed text NOT NULL DEFAULT 'pubsub'")
    op.execute("ALTER TABLE streams DROP CONSTRAINT streams_pkey, ADD PRIMARY KEY (org, topic, feed)")
