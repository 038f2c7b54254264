"""What the Stripe objects we make carry in their metadata: by it Stripe's news find their way back."""

from enum import StrEnum


class Carried(StrEnum):
    """Keys of the metadata; stored at Stripe for ever, so never renamed."""

    EFFECT = "counterfoil_key"  # the idempotency key of the call: finds the object when nobody remembers the call
    CAPTURE = "counterfoil_capture"  # the idempotency key of the capture of a payment: tells ours from another's
    LINES = "counterfoil_lines"  # the idempotency key of the lines of an invoice: tells that they are all there
    REQUEST = "counterfoil_request"  # the command it was made for
    RECORD = "salesforce_record_id"  # the record it belongs to
    TRACE = "traceparent"  # the trace it belongs to
