"""Payments and the feed of their changes: what is noted of each when it is looked at, and how a reader gets it back."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from service import mirror
from service.db import Transaction
from service.history import feed
from service.history.feed import FeedFilter, FeedHead, PaymentChange, Seen
from service.mirror import Lane
from service.projection._facts import PaymentFacts, payment_facts
from service.projection._families import PAYMENT_ROOTS, Family, payment_families
from service.projection._routes import Key


@dataclass(frozen=True, slots=True)
class Changes:
    """Some of the feed: `head` is where it ended when they were read, `last` the place behind them all.

    `facts` are those of the payments as they stand, which may be newer than the change they are told for.
    """

    head: FeedHead
    last: int
    found: list[tuple[PaymentChange, PaymentFacts]]
    more: bool


def payments_seen(found: Sequence[Family]) -> dict[Key, Seen]:
    """Return what the feed keeps of the payments among families."""
    facts = (payment_facts(family) for family in found if family.root.object_type in PAYMENT_ROOTS)
    return {
        (one.entity, one.payment_id): Seen(one.entity, one.payment_id, one.record_id, one.customer_id, _digest(one))
        for one in facts
    }


def _digest(facts: PaymentFacts) -> str:
    return hashlib.sha256(orjson.dumps(facts, default=str)).hexdigest()[:32]


async def read_changes(
    tx: Transaction, wanted: FeedFilter, *, after: int, until: int | None = None, limit: int
) -> Changes:
    """Return up to `limit` changes behind a place, each with its payment; `tx` must see one state of the database.

    A payment intent that has since turned out to be of a request of ours is left out: the request has a place of its
    own, behind this one.
    """
    head = await feed.head(tx)
    told = await feed.changes(tx, wanted, after=after, until=until, limit=limit)
    lanes = {Lane(one.entity, one.payment_id, is_record=False): [one.entity] for one in told}
    rows = await mirror.load_families(tx, lanes) if lanes else {}
    known = {family.key: family for some in rows.values() for family in payment_families(some or [])}
    named = {(key[0], family.root.parent_id) for key, family in known.items() if family.root.parent_id is not None}
    above = await mirror.load(tx, {(entity, str(parent)) for entity, parent in named})
    found: list[tuple[PaymentChange, PaymentFacts]] = []
    for one in told:
        family = known.get((one.entity, one.payment_id))
        if family is not None and (one.entity, family.root.parent_id) not in above:
            found.append((one, payment_facts(family)))
    last = told[-1].position if told else (until if until is not None else head.position)
    return Changes(head, last, found, more=len(told) == limit)
