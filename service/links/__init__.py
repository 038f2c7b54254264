"""The links shelf: which Salesforce record holds a value of Stripe's, and which objects are waiting to be told.

Owns the tables `links` and `routes`. Verbs: ask, read the answers, take what is to be looked up and settle it, keep an
object's route, list the open ones. Touches no other table and calls nobody. Refuses to forget a question unanswered.
"""

from service.links._questions import (
    Asked,
    Due,
    Link,
    LinkState,
    Question,
    ask,
    known,
    look_again,
    postpone,
    settle,
    take,
)
from service.links._routes import Kept, OpenRoute, askers, count_open, forget, keep, list_open

__all__ = [
    "Asked",
    "Due",
    "Kept",
    "Link",
    "LinkState",
    "OpenRoute",
    "Question",
    "ask",
    "askers",
    "count_open",
    "forget",
    "keep",
    "known",
    "list_open",
    "look_again",
    "postpone",
    "settle",
    "take",
]
