"""The audit log: every change asked, approved, done and delivered, in one chain that shows where somebody meddled.

Owns the table `audit`, which PostgreSQL itself keeps append-only. Verbs: append in the transaction of the change, seal
in order (one process at a time), read, prove. Holds ids, states and digests; no payload, no personal data, no secret.
Refuses nothing: a change whose entry cannot be written is not made.
"""

from service.audit._chain import GENESIS, Fault, Head, Link, Verifier
from service.audit._entry import Entry, canonical
from service.audit._rows import append, head, links, waiting
from service.audit._sealer import Sealer

__all__ = [
    "GENESIS",
    "Entry",
    "Fault",
    "Head",
    "Link",
    "Sealer",
    "Verifier",
    "append",
    "canonical",
    "head",
    "links",
    "waiting",
]
