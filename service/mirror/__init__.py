"""The mirror shelf: our newest copy of every Stripe object, whatever order its sights arrived in.

Owns the tables `mirror` and `payout_entries`. Verbs: observe, take what changed, load what belongs together, list, take
what must be fetched and settle it, link payouts with what they hold. Touches no other table and calls nobody. Refuses
an older sight in place of a newer one.
"""

from service.mirror import payouts
from service.mirror._again import look_again
from service.mirror._fetches import FetchDue, postpone_fetch, settle_fetch, take_fetches
from service.mirror._graphs import (
    Lane,
    MirrorRow,
    changed_lanes,
    clear_changes,
    find,
    list_roots,
    load_family,
    load_linked,
    load_naming,
    move,
    touch,
)
from service.mirror._observe import observe
from service.mirror._pending import Pending, list_pending

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
    "load_family",
    "load_linked",
    "load_naming",
    "look_again",
    "move",
    "observe",
    "payouts",
    "postpone_fetch",
    "settle_fetch",
    "take_fetches",
    "touch",
]
