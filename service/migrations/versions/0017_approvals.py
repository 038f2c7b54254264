"""Requests: their amount for the limits of a day, and the approval by a second person.

A replica of the version before carries out what is not approved yet as it always did: replace all before the
configuration names limits. It stops at a request that waits, which the new ones go on with.
"""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Apply."""
    op.execute(
        """
        ALTER TABLE commands
            ADD COLUMN asked_as        text,
            ADD COLUMN amount_minor    bigint,
            ADD COLUMN currency        text,
            ADD COLUMN counted_at      timestamptz,
            ADD COLUMN approval        text,
            ADD COLUMN approval_due_at timestamptz,
            ADD COLUMN decided_by      text,
            ADD COLUMN decided_at      timestamptz,
            ADD COLUMN decision_note   text
        """
    )
    op.execute(
        """
        UPDATE commands SET amount_minor = (terms::jsonb ->> 'amount_minor')::bigint,
            currency = upper(terms::jsonb ->> 'currency'), counted_at = created_at
        WHERE terms IS NOT NULL AND terms::jsonb ? 'amount_minor'
        """
    )
    op.execute("CREATE INDEX commands_counted ON commands (entity, currency, counted_at)")
    op.execute("CREATE INDEX commands_pending ON commands (approval_due_at) WHERE state = 'PENDING_APPROVAL'")
