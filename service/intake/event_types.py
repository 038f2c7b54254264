"""Which of Stripe's event types the service uses: what a webhook endpoint has to send, and nothing else.

By the type of the object the event carries, since that decides whether anything here reacts to it. A type that is
added to KNOWN_TYPES needs a line here: a test compares both with each other and with Stripe's published list. Others
that an endpoint sends all the same are stored and counted, never refused.
Source: docs.stripe.com/api/events/types.
"""

from service.intake._objects import KNOWN_TYPES

_SUFFIXES = {
    "balance_transaction": "",  # there are none: they are fetched
    "charge": "captured expired failed pending refunded succeeded updated",
    "checkout.session": "async_payment_failed async_payment_succeeded completed expired",
    "credit_note": "created updated voided",
    "customer": "created deleted updated",
    # No invoice.upcoming: its invoice does not exist yet and has no id.
    "invoice": "created deleted finalization_failed finalized marked_uncollectible overdue overpaid paid "
    "payment_action_required payment_attempt_required payment_failed payment_succeeded sent updated voided will_be_due",
    "invoice_payment": "paid",
    "payment_intent": "amount_capturable_updated canceled created partially_funded payment_failed processing "
    "requires_action succeeded",
    "payment_link": "created updated",
    "payout": "canceled created failed paid reconciliation_completed updated",
    "refund": "created failed updated",
}
# Named by the object they belong to, not by the one they carry.
_BELOW_A_CHARGE = {
    "dispute": "closed created funds_reinstated funds_withdrawn updated",
    "refund": "updated",
}


def event_types() -> list[str]:
    """Return the types to enable, sorted.

    Raises:
        KeyError: a type the service reacts to has no list here.
    """
    own = {f"{kind}.{suffix}" for kind in KNOWN_TYPES - {"dispute"} for suffix in _SUFFIXES[kind].split()}
    below = {
        f"charge.{kind}.{suffix}"
        for kind, found in _BELOW_A_CHARGE.items()
        if kind in KNOWN_TYPES
        for suffix in found.split()
    }
    return sorted(own | below)
