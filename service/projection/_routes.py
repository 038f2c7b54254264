"""Finding the routes of a lane's families: asking what is not known, and moving what was found elsewhere.

The rule itself is pure and stands in `_routing`; here is what it is told. An object whose metadata names its records
asks nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from service import links, mirror
from service.config import Entity
from service.db import Transaction
from service.projection._families import Family
from service.projection._routing import Route, Subject, customer_of, moves, route

_ROUTED = ("payment_intent", "invoice")
Key = tuple[str, str]


@dataclass(slots=True)
class Routed:
    """Routes by root, and what to do once the lane is done.

    Attributes:
        moves: the sale each object was found to belong to, in whose lane it is looked at from now on.
        again: by entity, objects to look at again.
        silent: objects that ask nothing.
        asked: whether anything new was asked.
    """

    routes: dict[Key, Route] = field(default_factory=dict)
    moves: dict[Key, str | None] = field(default_factory=dict)
    again: dict[str, set[str]] = field(default_factory=dict)
    silent: set[Key] = field(default_factory=set)
    asked: bool = False


async def find_routes(
    tx: Transaction, families: Iterable[Family], entities: Mapping[str, Entity], *, now: datetime
) -> Routed:
    """Return where each family belongs by now, after asking what is not known."""
    routed = Routed()
    for family in families:
        entity = entities[family.root.entity]
        if any(family.all(kind) for kind in _ROUTED):
            routed.asked |= await _find(tx, routed, family, entity, now)
        elif family.root.object_type == "customer" and family.root.record_id is not None:
            asked = [
                links.Question(kind, entity.customer_field, family.root.object_id) for kind in ("Account", "Contact")
            ]
            found = await links.askers(tx, family.root.entity, asked)
            routed.again.setdefault(family.root.entity, set()).update(found)
    return routed


async def _find(tx: Transaction, routed: Routed, family: Family, entity: Entity, now: datetime) -> bool:
    subject = Subject(family, customer_field=entity.customer_field, rules=entity.routing)
    found, fresh = route(subject, {}), False
    name, object_id = family.key
    if found.questions:
        subject = await _informed(tx, subject)
        questions = route(subject, {}).questions
        fresh = await links.ask(tx, name, questions, now=now)
        found = route(subject, await links.known(tx, name, questions))
        await links.keep(tx, name, object_id, found.state or "", questions, now)
    else:
        routed.silent.add(family.key)
    routed.routes[family.key] = found
    if moves(family, found):
        routed.moves[family.key] = found.sale
    return fresh


async def _informed(tx: Transaction, subject: Subject) -> Subject:
    """Add what the mirror knows besides the family."""
    name = subject.family.root.entity
    customer_id = customer_of(subject.family)
    rows = await mirror.load_family(tx, entities=[name], roots=[customer_id]) if customer_id else []
    customer = next((row for row in rows if row.object_id == customer_id and not row.deleted), None)
    payments = [row.object_id for row in subject.family.all("payment_intent")]
    related = await mirror.load_naming(tx, name, payments) if payments else []
    return Subject(subject.family, customer, related, subject.customer_field, subject.rules)
