"""Operations: a command may be about a Stripe object instead of a record, and has arguments of its own.

A replica of the version before can accept and carry out no command until it is replaced: events wait where they are
recorded, tasks are tried again, callers get an error. Nothing is lost, and everything else goes on.
"""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Apply."""
    op.execute("ALTER TABLE commands ADD COLUMN subject text, ADD COLUMN arguments text, ADD COLUMN result_id text")
    op.execute(
        """
        UPDATE commands SET subject = record_id, arguments = jsonb_strip_nulls(
            jsonb_build_object('method', method, 'payment_method_id', payment_method_id))::text
        """
    )
    op.execute(
        """
        ALTER TABLE commands
            ALTER COLUMN subject SET NOT NULL,
            ALTER COLUMN arguments SET NOT NULL,
            ALTER COLUMN record_id DROP NOT NULL,
            DROP COLUMN method,
            DROP COLUMN payment_method_id,
            DROP CONSTRAINT commands_business_key,
            ADD CONSTRAINT commands_business_key UNIQUE (entity, subject, operation, business_version)
        """
    )
