"""The feed of payment changes: each payment at the place of its last change, in the order of commits."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Apply."""
    op.execute(
        """
        CREATE TABLE payment_changes (
            entity      text NOT NULL,
            payment_id  text NOT NULL,
            position    bigint NOT NULL,
            record_id   text,
            customer_id text,
            digest      text NOT NULL,
            changed_at  timestamptz NOT NULL,
            PRIMARY KEY (entity, payment_id)
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX payment_changes_position ON payment_changes (position)")
    op.execute("ALTER TABLE payment_changes SET (fillfactor = 80)")
    op.execute(
        """
        CREATE TABLE payment_feed (
            id       bigint PRIMARY KEY,
            position bigint NOT NULL
        )
        """
    )
    # The id tells one installation's feed from another's, whose positions mean something else.
    op.execute("INSERT INTO payment_feed VALUES (hashtextextended(gen_random_uuid()::text, 0), 0)")
