"""Which Salesforce records a payment belongs to. Pure; `STEPS` below is the whole of it, in order of precedence.

Each step gives clues: a record by its id, or a question to Salesforce, which record has a value in a field. A clue is
for one of three targets: the sale (an Opportunity or Order), the Account, the Contact. For each target the first step
that knows a record decides; an answer that is ambiguous decides too, since a later step would only guess, and while an
answer is awaited no later step is believed. A sale or a Contact that was found also tells its Account. What our
metadata names is not looked up: it closes the sale.

Nothing is matched by name or e-mail, unless a rule of the configuration says so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from service.config import RoutingRule
from service.domain import SOURCE_OBJECTS
from service.links import Link, LinkState, Question
from service.mirror import MirrorRow
from service.projection._families import OPERATION, Family
from service.projection._status import Routing

CUSTOMER_FIELD = "Stripe_Customer_Id__c"
_PAYMENT_FIELD = "Stripe_Payment_Intent_Id__c"
_MAX_VALUE_CHARS = 255
_SALE, _ACCOUNT, _CONTACT = "sale", "Account", "Contact"
_TARGET_OF_PREFIX = {"001": _ACCOUNT, "003": _CONTACT} | dict.fromkeys(SOURCE_OBJECTS, _SALE)
_TARGET_OF_OBJECT = {_ACCOUNT: _ACCOUNT, _CONTACT: _CONTACT} | dict.fromkeys(SOURCE_OBJECTS.values(), _SALE)


@dataclass(frozen=True, slots=True)
class Subject:
    """All that routing looks at: a family, its customer and related objects, as far as known, and the rules."""

    family: Family
    customer: MirrorRow | None = None
    related: Sequence[MirrorRow] = ()
    customer_field: str = CUSTOMER_FIELD
    rules: Sequence[RoutingRule] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """Where an object belongs. `questions` is all that was asked on the way; `settled`, that none awaits its answer."""

    state: Routing | None = None
    account: str | None = None
    contact: str | None = None
    sale: str | None = None
    settled: bool = True
    questions: frozenset[Question] = field(default_factory=frozenset)


class Clue(NamedTuple):
    """A record, or a question that leads to one."""

    target: str
    record_id: str | None = None
    question: Question | None = None


Step = Callable[[Subject], Iterator[Clue]]


def _named(record_id: str | None) -> Iterator[Clue]:
    target = _TARGET_OF_PREFIX.get((record_id or "")[:3])
    if target is not None:
        yield Clue(target, record_id)


def _by_metadata(subject: Subject) -> Iterator[Clue]:
    """Our metadata on the object, its ancestors or what is below it; the request we made it for knows its Account."""
    family = subject.family
    request = family.latest("counterfoil.request")
    # What was asked to be done with a payment claims no record for it.
    rows = (row for kind, rows in family.members.items() if kind != OPERATION for row in rows)
    for record_id in dict.fromkeys(row.record_id for row in rows):
        yield from _named(record_id)
    yield from _named(((request.body if request else None) or {}).get("account_id"))


def _by_payment(subject: Subject) -> Iterator[Clue]:
    """The payment's id, written on the Opportunity or Order."""
    for row in subject.family.all("payment_intent"):
        for sobject in SOURCE_OBJECTS.values():
            yield Clue(_SALE, question=Question(sobject, _PAYMENT_FIELD, row.object_id))


def _by_relation(subject: Subject) -> Iterator[Clue]:
    """What the mirror knows: the invoice that a payment pays, and the record a customer was made for."""
    for row in (*subject.related, *([subject.customer] if subject.customer else [])):
        yield from _named(row.record_id or row.routed_id)


def _by_customer(subject: Subject) -> Iterator[Clue]:
    """The customer's id, written on the Account or Contact."""
    customer = customer_of(subject.family)
    if customer is not None:
        for sobject in (_ACCOUNT, _CONTACT):
            yield Clue(sobject, question=Question(sobject, subject.customer_field, customer))


def _by_rule(subject: Subject) -> Iterator[Clue]:
    """The rules of the configuration, in their order."""
    for rule in subject.rules:
        value = _value(subject, rule)
        if value is not None:
            yield Clue(_TARGET_OF_OBJECT[rule.object], question=Question(rule.object, rule.field, value))


STEPS: tuple[Step, ...] = (_by_metadata, _by_payment, _by_relation, _by_customer, _by_rule)


def customer_of(family: Family) -> str | None:
    """Return the id of the Stripe customer a family belongs to."""
    for kind in ("payment_intent", "checkout.session", "invoice", "charge"):
        for row in reversed(family.all(kind)):
            customer = (row.body or {}).get("customer")
            if isinstance(customer, str) and 0 < len(customer) <= _MAX_VALUE_CHARS:
                return customer
    return None


@dataclass(slots=True)
class _Trail:
    """What was found so far by target; a target is closed by an answer that is ambiguous, or awaited."""

    answers: Mapping[Question, Link]
    found: dict[str, str] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    asked: set[Question] = field(default_factory=set)
    ambiguous: bool = False
    awaited: bool = False

    def follow(self, clue: Clue) -> None:
        if clue.target in self.found:
            return
        if clue.question is not None:
            self.asked.add(clue.question)
            self._answer(clue.target, self.answers.get(clue.question))
        elif clue.record_id is not None:
            self._know(clue.target, clue.record_id)

    def _answer(self, target: str, link: Link | None) -> None:
        if link is None:
            self.awaited = True
            self.closed.add(target)
        elif link.state is LinkState.AMBIGUOUS:
            self.ambiguous |= target not in self.closed
            self.closed.add(target)
        elif link.record_id is not None:
            self._know(target, link.record_id)
            if link.account_id is not None and target in self.found:
                self._know(_ACCOUNT, link.account_id)

    def _know(self, target: str, record_id: str) -> None:
        if target not in self.closed:
            self.found.setdefault(target, record_id)

    def state(self) -> Routing | None:
        if self.found:
            return Routing.MATCHED
        if self.awaited:
            return None
        return Routing.AMBIGUOUS if self.ambiguous else Routing.UNMATCHED


def route(subject: Subject, answers: Mapping[Question, Link]) -> Route:
    """Return where a family belongs, by what is known now; the same knowledge always gives the same route."""
    trail = _Trail(answers)
    for clue in _by_metadata(subject):
        trail.follow(clue)
    named = bool(trail.found)
    for step in STEPS[1:] if _ACCOUNT not in trail.found else ():
        for clue in step(subject):
            if not (named and clue.target == _SALE):
                trail.follow(clue)
    return Route(
        state=trail.state(),
        account=trail.found.get(_ACCOUNT),
        contact=trail.found.get(_CONTACT),
        sale=trail.found.get(_SALE),
        settled=not trail.awaited,
        questions=frozenset(trail.asked),
    )


def moves(family: Family, found: Route) -> bool:
    """Tell whether a family is of another sale's lane than the one it stands in."""
    return found.settled and family.root.record_id is None and found.sale != family.root.routed_id


def _value(subject: Subject, rule: RoutingRule) -> str | None:
    value: Any = None
    if rule.metadata is not None:
        bodies = (row.body or {} for rows in subject.family.members.values() for row in rows)
        found = (body.get("metadata") for body in bodies)
        value = next((one[rule.metadata] for one in found if isinstance(one, dict) and one.get(rule.metadata)), None)
    elif subject.customer is not None:
        value = (subject.customer.body or {}).get(str(rule.customer))
        if rule.customer == "email" and isinstance(value, str):
            value = value.lower()  # as Salesforce keeps addresses
    return value if isinstance(value, str) and 0 < len(value) <= _MAX_VALUE_CHARS else None
