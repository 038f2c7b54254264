"""The outbox shelf: what each Salesforce record should hold, and how far that is delivered.

Owns the tables `outbox`, `bulk_jobs` and `api_calls`. Verbs: put (latest wins), claim by lanes, settle (delivered,
again, dead, given back), release and probe the dead; `bulk` for jobs, `failures` for what a person does; `standing`, a
door of its own, for where records stand. Touches no
other table and calls nobody. Refuses to send what is already delivered, a child before its parent exists, and one lane
by two at once.
"""

from service.outbox import _bulk as bulk
from service.outbox import _failures as failures
from service.outbox._calls import calls_made, note_calls
from service.outbox._claims import Claimed, claim, crowded, renew
from service.outbox._delivered import delivered
from service.outbox._mapped import lanes_of, mapped_otherwise
from service.outbox._put import put
from service.outbox._release import probe, release_causes, release_delay
from service.outbox._settle import give_back, hold_claimed, settle_again, settle_dead, settle_delivered

__all__ = [
    "Claimed",
    "bulk",
    "calls_made",
    "claim",
    "crowded",
    "delivered",
    "failures",
    "give_back",
    "hold_claimed",
    "lanes_of",
    "mapped_otherwise",
    "note_calls",
    "probe",
    "put",
    "release_causes",
    "release_delay",
    "renew",
    "settle_again",
    "settle_dead",
    "settle_delivered",
]
