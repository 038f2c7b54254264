"""The outbox shelf: what each Salesforce record should hold, and how far that is delivered.

Owns the table `outbox`. Verbs: put (latest wins), claim, settle (delivered, again, dead). Touches no other table and
calls nobody. Refuses to send what is already delivered, and a child before its parent exists.
"""

from service.outbox._claims import Claimed, claim, settle_again, settle_dead, settle_delivered
from service.outbox._put import put

__all__ = ["Claimed", "claim", "put", "settle_again", "settle_dead", "settle_delivered"]
