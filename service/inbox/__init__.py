"""The inbox shelf: every event received, once, and how far each Salesforce stream was read.

Owns the tables `inbox`, `streams` and `coverage`. Verbs: record, take, settle, claim and advance a stream, note a gap,
empty, prune. Touches no other table and calls nobody. Refuses nothing: what was received is kept, whatever it says.
"""

from service.inbox._rows import (
    EMPTIED,
    RECORD,
    RECORD_TYPES,
    InboxRow,
    State,
    about,
    empty,
    list_quarantined,
    prune,
    record,
    record_parameters,
    settle,
    take,
    waiting,
)
from service.inbox._streams import StreamLease, advance, claim, release, renew

__all__ = [
    "EMPTIED",
    "RECORD",
    "RECORD_TYPES",
    "InboxRow",
    "State",
    "StreamLease",
    "about",
    "advance",
    "claim",
    "empty",
    "list_quarantined",
    "prune",
    "record",
    "record_parameters",
    "release",
    "renew",
    "settle",
    "take",
    "waiting",
]
