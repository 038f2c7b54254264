"""The history shelf: where each object of money stood last, and what is to be done about its changes.

Owns the tables `statuses`, `due_dates`, `reactions`, `payment_changes` and `payment_feed`. Verbs: note where things
stand (which tells each change once), keep what falls due and take it, ask for reactions, claim, settle and prune them.
Two modules are doors of their own: `failures` for what a person does, and for trying the dead again; `feed` for those
who follow payments. Touches no other table and calls nobody.
Refuses to tell a change twice, and to ask twice for the reaction of one rule to one change.
"""

from service.history import failures, feed
from service.history._due import DueDate, keep_due_dates, take_due
from service.history._reactions import (
    Asked,
    Claimed,
    Refusal,
    ask,
    claim,
    prune,
    settle_again,
    settle_dead,
    settle_done,
)
from service.history._statuses import Change, Noted, news, note

__all__ = [
    "Asked",
    "Change",
    "Claimed",
    "DueDate",
    "Noted",
    "Refusal",
    "ask",
    "claim",
    "failures",
    "feed",
    "keep_due_dates",
    "news",
    "note",
    "prune",
    "settle_again",
    "settle_dead",
    "settle_done",
    "take_due",
]
