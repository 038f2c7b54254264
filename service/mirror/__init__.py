"""The mirror shelf: our newest copy of every Stripe object, whatever order its sights arrived in.

Owns the tables `mirror`, `notes` and `payout_entries`. Verbs: observe, take what changed, load what belongs together,
list, take what must be fetched and settle it. Four modules are doors of their own: `sights` observes within another
statement, `payouts` links payouts with what they hold, `faults` shows what was set aside, `customers` reads customers.
Touches no other table and calls nobody. Refuses an older sight in place of a newer one.
"""

from service.mirror._again import look_again
from service.mirror._changes import Lane, changed_lanes, clear_changes, move, touch
from service.mirror._fetches import FetchDue, postpone_fetch, settle_fetch, take_fetches
from service.mirror._graphs import (
    MirrorRow,
    find,
    list_roots,
    load,
    load_families,
    load_family,
    load_naming,
)
from service.mirror._pending import Pending, list_pending
from service.mirror.sights import observe

__all__ = [
    "FetchDue",
    "Lane",
    "MirrorRow",
    "Pending",
    "changed_lanes",
    "clear_changes",
    "find",
    "list_pending",
    "list_roots",
    "load",
    "load_families",
    "load_family",
    "load_naming",
    "look_again",
    "move",
    "observe",
    "postpone_fetch",
    "settle_fetch",
    "take_fetches",
    "touch",
]
