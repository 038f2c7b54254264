"""The runs shelf: sweeps and backfills, how far each is, and where it goes on.

Owns the table `runs`. Verbs: start, take what is due, advance, end, cancel, find, list, prune. Touches no other
table and calls nobody. Refuses a second run of one kind for an entity while one is under way, and the step of a run
that somebody else has got on with, or ended.
"""

from service.runs._runs import (
    Kind,
    Place,
    Run,
    State,
    advance,
    cancel,
    end,
    find,
    latest,
    list_runs,
    postpone,
    prune,
    requested,
    start,
    take,
)

__all__ = [
    "Kind",
    "Place",
    "Run",
    "State",
    "advance",
    "cancel",
    "end",
    "find",
    "latest",
    "list_runs",
    "postpone",
    "prune",
    "requested",
    "start",
    "take",
]
