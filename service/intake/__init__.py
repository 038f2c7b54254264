"""Intake, the one way in: events of both vendors, and every sight of a Stripe object.

Verbs: receive a webhook (durable when it returns), record a batch of a Salesforce stream with its position, observe.
Touches inbox and mirror, in one commit. Refuses what is not an event; keeps, unacted on, what is of the wrong mode.
"""

from service.inbox import StreamLease
from service.intake import payouts
from service.intake._objects import EXPANDED, KNOWN_TYPES, LATE_FACT, owes_movement, sight, stub
from service.intake._prepare import prepare
from service.intake._receive import Intake, Receipt
from service.intake._streams import LeaseLost, StreamBatch, StreamEvent, StreamIntake
from service.intake._stripe_event import StripeEvent, read_stripe_event
from service.mirror import observe

__all__ = [
    "EXPANDED",
    "KNOWN_TYPES",
    "LATE_FACT",
    "Intake",
    "LeaseLost",
    "Receipt",
    "StreamBatch",
    "StreamEvent",
    "StreamIntake",
    "StreamLease",
    "StripeEvent",
    "observe",
    "owes_movement",
    "payouts",
    "prepare",
    "read_stripe_event",
    "sight",
    "stub",
]
