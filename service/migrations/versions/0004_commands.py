"""The ledger: what was asked of Stripe, each call made for it, and what came of it. Kept for ever."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.execute(
        """
        CREATE TABLE commands (
            id                  text PRIMARY KEY,
            entity              text NOT NULL,
            org                 text NOT NULL,
            operation           text NOT NULL,
            record_id           text NOT NULL,
            business_version    text NOT NULL,
            fingerprint         text NOT NULL,
            method              text NOT NULL,
            payment_method_id   text,
            request_id          text,
            requested_by        text,
            source              text NOT NULL,
            terms               text,
            state               text NOT NULL,
            reason              text,
            message             text,
            conflict            text,
            failure_code        text,
            failure_message     text,
            revision            bigint NOT NULL DEFAULT 1,
            payment_intent_id   text,
            checkout_session_id text,
            traceparent         text,
            created_at          timestamptz NOT NULL,
            settled_at          timestamptz,
            CONSTRAINT commands_business_key UNIQUE (entity, record_id, operation, business_version)
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX commands_request ON commands (entity, request_id) WHERE request_id IS NOT NULL")
    op.execute("CREATE INDEX commands_created ON commands (entity, created_at DESC, id)")
    op.execute(
        """
        CREATE TABLE calls (
            idempotency_key text PRIMARY KEY,
            entity          text NOT NULL,
            command_id      text NOT NULL REFERENCES commands (id),
            step            text NOT NULL,
            parameters      text NOT NULL,
            result_id       text,
            stripe_request  text,
            begun_at        timestamptz NOT NULL,
            finished_at     timestamptz
        )
        """
    )
    op.execute("CREATE INDEX calls_command ON calls (command_id)")
