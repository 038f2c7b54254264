"""Finding the routes of families, many at once: asking what is not known, and moving what was found elsewhere.

The rule itself is pure and stands in `_routing`; here is what it is told. An object whose metadata names its records
asks nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    """Routes by root, and what to do once their lanes are done.

    Attributes:
        moves: the sale each object was found to belong to, in whose lane it is looked at from now on.
        again: by entity, objects to look at again.
        silent: objects that ask nothing.
        asked: whether anything new was asked.
        unknown: customers that might tell more of objects without an Account, and that nobody has told of yet.
    """

    routes: dict[Key, Route] = field(default_factory=dict)
    moves: dict[Key, str | None] = field(default_factory=dict)
    again: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    silent: set[Key] = field(default_factory=set)
    asked: bool = False
    unknown: set[Key] = field(default_factory=set)


async def find_routes(
    tx: Transaction, families: Iterable[Family], entities: Mapping[str, Entity], *, now: datetime
) -> Routed:
    """Return where each family belongs by now, after asking what is not known."""
    routed, asking, made = Routed(), list[Subject](), defaultdict[str, set[links.Question]](set)
    for family in families:
        entity = entities[family.root.entity]
        if any(family.all(kind) for kind in _ROUTED):
            subject = Subject(family, customer_field=entity.customer_field, rules=entity.routing)
            found = route(subject, {})
            if found.questions:
                asking.append(subject)
            else:
                routed.routes[family.key] = found
                routed.silent.add(family.key)
        elif family.root.object_type == "customer" and family.root.record_id is not None:
            kinds = ("Account", "Contact")
            made[family.root.entity] |= {
                links.Question(kind, entity.customer_field, family.root.object_id) for kind in kinds
            }
    await _ask(tx, routed, await _informed(tx, asking), now)
    for name, questions in made.items():
        routed.again[name] |= set(await links.askers(tx, name, questions))
    return routed


async def _ask(tx: Transaction, routed: Routed, subjects: Sequence[Subject], now: datetime) -> None:
    questions = {subject.family.key: route(subject, {}).questions for subject in subjects}
    asked = {(entity, question) for (entity, _), some in questions.items() for question in some}
    routed.asked = await links.ask(tx, asked, now=now)
    answers = await links.known(tx, asked)
    for subject in subjects:
        key = entity, _ = subject.family.key
        known = {question: answers[entity, question] for question in questions[key] if (entity, question) in answers}
        found = routed.routes[key] = route(subject, known)
        if moves(subject.family, found):
            routed.moves[key] = found.sale
        if found.settled and found.account is None and subject.customer is None:
            customer_id = customer_of(subject.family)
            routed.unknown |= {(entity, customer_id)} if customer_id else set()
    states = {key: routed.routes[key].state or "" for key in questions}
    await links.keep(tx, [links.Kept(*key, states[key], asked) for key, asked in questions.items()], now=now)


async def _informed(tx: Transaction, subjects: Sequence[Subject]) -> list[Subject]:
    """Add what the mirror knows besides the families."""
    customers: dict[Key, Key] = {}
    payments: dict[Key, Key] = {}
    for subject in subjects:
        name = subject.family.root.entity
        if customer_id := customer_of(subject.family):
            customers[subject.family.key] = (name, customer_id)
        payments |= {(name, row.object_id): subject.family.key for row in subject.family.all("payment_intent")}
    known = await mirror.load(tx, set(customers.values()))
    related: dict[Key, list[mirror.MirrorRow]] = defaultdict(list)
    for key, row in await mirror.load_naming(tx, set(payments)):
        related[payments[key]].append(row)
    informed: list[Subject] = []
    for subject in subjects:
        key = subject.family.key
        customer = known.get(customers.get(key, ("", "")))  # a deleted one as well: what it paid stays where it was
        informed.append(replace(subject, customer=customer, related=related[key]))
    return informed
