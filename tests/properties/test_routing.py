"""The routing table: which clue wins, that a later one never overrules, and that the same knowledge gives one route."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.config import RoutingRule
from service.links import Link, LinkState, Question
from service.mirror import MirrorRow
from service.projection._families import Family, families
from service.projection._routing import Route, Subject, moves, route
from service.projection._status import Routing

ACCOUNTS = [f"00100000000000{n}AAA" for n in range(3)]
CONTACTS = [f"00300000000000{n}AAA" for n in range(3)]
SALES = [f"00600000000000{n}AAA" for n in range(3)] + [f"80100000000000{n}AAA" for n in range(3)]
RULES = (
    RoutingRule(metadata="order", object="Order", field="OrderNumber"),
    RoutingRule(metadata="account", object="Account", field="Number__c"),
    RoutingRule(customer="email", object="Contact", field="Email"),
)
BY_PAYMENT = [Question(kind, "Stripe_Payment_Intent_Id__c", "pi_1") for kind in ("Opportunity", "Order")]
BY_CUSTOMER = [Question(kind, "Stripe_Customer_Id__c", "cus_1") for kind in ("Account", "Contact")]
BY_RULE = [
    Question("Order", "OrderNumber", "77"),
    Question("Account", "Number__c", "A-1"),
    Question("Contact", "Email", "ann@example.com"),
]
EVERY = [*BY_PAYMENT, *BY_CUSTOMER, *BY_RULE]
NONE, AMBIGUOUS = Link(LinkState.NONE), Link(LinkState.AMBIGUOUS)


def _row(kind: str, key: str, body: dict[str, Any], **more: Any) -> MirrorRow:
    row = MirrorRow("acme", key, kind, body, None, None, None, False, None, 1)
    return replace(row, **more)


def _family(**more: Any) -> Family:
    metadata = {"order": "77", "account": "A-1"}
    (family,) = families([_row("payment_intent", "pi_1", {"customer": "cus_1", "metadata": metadata}, **more)])
    return family


CUSTOMER = _row("customer", "cus_1", {"email": "Ann@Example.com"})
SUBJECT = Subject(_family(), CUSTOMER, rules=RULES)


def _found(question: Question, n: int) -> Link:
    of = {"Account": ACCOUNTS, "Contact": CONTACTS, "Opportunity": SALES[:3], "Order": SALES[3:]}
    return Link(LinkState.FOUND, of[question.sobject][n], None if question.sobject == "Account" else ACCOUNTS[n])


def _answers(**given_: Link) -> dict[Question, Link]:
    names = ["opportunity", "order", "account", "contact", "rule_order", "rule_account", "rule_contact"]
    return {question: given_.get(name, NONE) for name, question in zip(names, EVERY, strict=True)}


@st.composite
def knowledge(draw: st.DrawFn) -> dict[Question, Link]:
    """Any state of the questions, unanswered ones included."""
    known: dict[Question, Link] = {}
    for question in EVERY:
        kind = draw(st.sampled_from(["unasked", "none", "ambiguous", "found"]))
        if kind == "found":
            known[question] = _found(question, draw(st.integers(0, 2)))
        elif kind != "unasked":
            known[question] = NONE if kind == "none" else AMBIGUOUS
    return known


def test_nothing_known_asks_everything_and_says_nothing() -> None:
    assert route(SUBJECT, {}) == Route(None, settled=False, questions=frozenset(EVERY))


def test_no_record_anywhere_is_unmatched() -> None:
    assert route(SUBJECT, _answers()) == Route(Routing.UNMATCHED, questions=frozenset(EVERY))


@pytest.mark.parametrize("record", [SALES[0], SALES[3], ACCOUNTS[2], CONTACTS[1]])
def test_what_our_metadata_names_is_never_looked_up_as_a_sale(record: str) -> None:
    found = route(replace(SUBJECT, family=_family(record_id=record)), _answers(opportunity=_found(BY_PAYMENT[0], 1)))
    assert record in {found.sale, found.account, found.contact}
    assert found.sale in {record, None}
    assert not found.questions & {*BY_PAYMENT, BY_RULE[0]}


def test_a_request_knows_everything_and_asks_nothing() -> None:
    request = _row("counterfoil.request", "cmd_1", {"account_id": ACCOUNTS[0]}, record_id=SALES[0])
    intent = _row("payment_intent", "pi_1", {"customer": "cus_1"}, parent_id="cmd_1")
    (family,) = families([request, intent])
    assert route(Subject(family, rules=RULES), {}) == Route(Routing.MATCHED, account=ACCOUNTS[0], sale=SALES[0])


def test_the_id_on_a_sale_wins_over_a_rule_and_tells_its_account() -> None:
    sale = _found(BY_PAYMENT[0], 1)
    found = route(SUBJECT, _answers(opportunity=sale, rule_order=_found(BY_RULE[0], 2)))
    assert (found.sale, found.account, found.state) == (sale.record_id, ACCOUNTS[1], Routing.MATCHED)


def test_the_mirror_wins_over_the_customer_field() -> None:
    known = replace(SUBJECT, customer=replace(CUSTOMER, record_id=ACCOUNTS[2]))
    found = route(known, _answers(account=_found(BY_CUSTOMER[0], 0)))
    assert found.account == ACCOUNTS[2]
    assert BY_CUSTOMER[0] not in found.questions


def test_an_invoice_that_is_paid_tells_the_sale() -> None:
    invoice = _row("invoice", "in_1", {}, record_id=SALES[1])
    found = route(replace(SUBJECT, related=[invoice]), _answers(rule_order=_found(BY_RULE[0], 0)))
    assert found.sale == SALES[1]


def test_a_contact_tells_its_account() -> None:
    found = route(SUBJECT, _answers(contact=_found(BY_CUSTOMER[1], 2)))
    assert (found.contact, found.account) == (CONTACTS[2], ACCOUNTS[2])


def test_an_email_is_matched_by_a_rule_only() -> None:
    answers = _answers(rule_contact=_found(BY_RULE[2], 1))
    assert route(SUBJECT, answers).contact == CONTACTS[1]
    assert route(replace(SUBJECT, rules=()), answers).state is Routing.UNMATCHED


def test_several_holders_are_no_answer_and_nothing_later_guesses() -> None:
    found = route(SUBJECT, _answers(account=AMBIGUOUS, rule_account=_found(BY_RULE[1], 0)))
    assert (found.state, found.account) == (Routing.AMBIGUOUS, None)


def test_each_entity_has_its_own_customer_field() -> None:
    asked = route(replace(SUBJECT, customer_field="Stripe_Customer_UK__c"), {}).questions
    assert Question("Account", "Stripe_Customer_UK__c", "cus_1") in asked
    assert not asked & set(BY_CUSTOMER)


@given(knowledge())
def test_the_same_knowledge_gives_one_route(answers: dict[Question, Link]) -> None:
    first = route(SUBJECT, answers)
    assert first == route(SUBJECT, dict(reversed(list(answers.items()))))
    assert first.settled == all(question in answers for question in first.questions)


@given(knowledge())
def test_a_step_never_overrules_one_before_it(answers: dict[Question, Link]) -> None:
    whole = route(SUBJECT, {question: answers.get(question, NONE) for question in EVERY})
    without = route(replace(SUBJECT, rules=()), {question: answers.get(question, NONE) for question in EVERY})
    for target in ("sale", "account", "contact"):
        earlier = getattr(without, target)
        if earlier is not None:
            assert getattr(whole, target) == earlier


@given(knowledge())
def test_what_is_answered_later_never_changes_what_was_settled(answers: dict[Question, Link]) -> None:
    found = route(SUBJECT, answers)
    if found.settled:
        assert route(SUBJECT, {question: answers.get(question, NONE) for question in EVERY}) == found


def test_rows_in_any_order_give_one_route() -> None:
    rows = [
        _row("payment_intent", "pi_1", {"customer": "cus_1"}, parent_id="cmd_1"),
        _row("counterfoil.request", "cmd_1", {}, record_id=SALES[0]),
        _row("charge", "ch_1", {"customer": "cus_1"}, parent_id="pi_1"),
    ]
    routes = {route(Subject(families(order)[0]), {}) for order in permutations(rows)}
    assert len(routes) == 1


def test_only_a_settled_route_moves_a_payment() -> None:
    sale = _found(BY_PAYMENT[0], 0)
    settled = route(SUBJECT, _answers(opportunity=sale))
    assert moves(SUBJECT.family, settled)
    assert not moves(_family(routed_id=sale.record_id), settled)
    assert not moves(_family(routed_id=sale.record_id), route(SUBJECT, {}))
    assert moves(_family(routed_id=sale.record_id), route(SUBJECT, _answers()))
