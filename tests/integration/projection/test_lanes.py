"""Two projectors at once, and what becomes known late: whichever ends last, the records are those of all there is."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import text

from service import links, mirror
from service.clock import SystemClock
from service.config import Entity
from service.db import Database, Wakes
from service.domain import Evidence, Observation, fields_from
from service.intake import sight
from service.links import Link, LinkState, Question
from service.projection import Projector
from tests.support.events import ENTITY, MOMENT, entities, intent
from tests.support.waiting import eventually

SALE, OTHER_SALE, BUYER = "006000000000001AAA", "006000000000002AAA", "001000000000001AAA"
CLOCK = SystemClock()
Answers = dict[Question, Link]
_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = :database"
_HERE = "SELECT oid FROM pg_database WHERE datname = current_database()"


def charge(key: str, of: str) -> dict[str, Any]:
    money = {"amount": 1050, "amount_captured": 1050, "amount_refunded": 0, "currency": "usd", "captured": True}
    return {"id": key, "object": "charge", "payment_intent": of, "created": MOMENT, "status": "succeeded", **money}


class House:
    """A database, projectors for it, and what Salesforce would answer them."""

    def __init__(self, database: Database, **entity: Any) -> None:
        self.database = database
        self._entities = {ENTITY: Entity.model_validate(entities()[ENTITY].model_dump() | entity)}
        self._seconds = 0

    def projector(self) -> Projector:
        return Projector(self.database, Wakes(self.database.url), CLOCK, entities=self._entities, batch_limit=200)

    async def see(self, *bodies: dict[str, Any]) -> None:
        """Observe objects, each newer than all before."""
        self._seconds += 1
        as_of = datetime.fromtimestamp(MOMENT, UTC) + timedelta(seconds=self._seconds)
        seen: list[Observation] = []
        for body in bodies:
            seen += sight(ENTITY, dict(body), as_of=as_of, evidence=Evidence.EVENT, now=CLOCK.now())
        async with self.database.transaction() as tx:
            await mirror.observe(tx, seen, now=CLOCK.now())

    async def project(self, answers: Answers | None = None) -> None:
        """Project, and answer what is asked, until nothing is left; no record holds what `answers` does not name."""
        projector = self.projector()
        for _ in range(50):
            if not (await projector.step() or await self._answer(answers or {})):
                return
        pytest.fail("it never ends")

    async def _answer(self, answers: Answers) -> int:
        async with self.database.transaction() as tx:
            due = await links.take(tx, now=CLOCK.now(), lease=timedelta(seconds=1), limit=100)
            if due is None:
                return 0
            told = {value: answers.get(due.question(value), Link(LinkState.NONE)) for value in due.attempts}
            changed = await links.settle(tx, due, told, now=CLOCK.now())
            await mirror.touch(tx, due.entity, await links.askers(tx, due.entity, changed))
            return 1

    async def ask_again(self) -> None:
        """Have Salesforce asked again for all that was asked."""
        async with self.database.transaction() as tx:
            await tx.execute(text("UPDATE links SET next_try_at = now()"))

    async def record(self, sobject: str, key: str) -> dict[str, Any]:
        async with self.database.read() as tx:
            query = "SELECT content FROM outbox WHERE sobject = :sobject AND key = :key"
            content = await tx.scalar(text(query), {"sobject": sobject, "key": key})
        return fields_from(content) if content else {}

    async def records(self) -> dict[tuple[str, str], dict[str, Any]]:
        query = "SELECT sobject, key, content FROM outbox WHERE sobject <> 'Payment_Status_Change__c'"
        async with self.database.read() as tx:
            return {(row.sobject, row.key): fields_from(row.content) for row in await tx.execute(text(query))}

    async def standstill(self, *tasks: "asyncio.Task[Any]") -> None:
        """Return when each task has ended or waits for a lane."""

        async def still() -> bool:
            async with self.database.read() as tx:
                waiting = await tx.scalar(text(_WAITING), {"database": await tx.scalar(text(_HERE))})
            return int(waiting or 0) + sum(task.done() for task in tasks) >= len(tasks)

        await eventually(still)


def request(record_id: str) -> Observation:
    """Return what the ledger shows of a request for a payment."""
    now = CLOCK.now()
    body = '{"amount_minor":1050,"currency":"usd","id":"cmd_1","object":"counterfoil.request","state":"RUNNING"}'
    return Observation(
        ENTITY, "counterfoil.request", "cmd_1", body, now, Evidence.FETCH, record_id=record_id, created_at=now
    )


async def test_what_comes_into_another_lane_is_not_shown_by_half(database: Database) -> None:
    """One projector knows a payment by its charge alone, another all of its sale; the first ends last."""
    house = House(database)
    async with database.transaction() as tx:
        await mirror.observe(tx, [request(SALE)], now=CLOCK.now())
    await house.project()
    marks = {"metadata": {"salesforce_record_id": SALE, "counterfoil_request": "cmd_1"}}
    async with database.transaction() as held:
        await held.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('pi_1', 0))"))
        await house.see(charge("ch_1", "pi_1"))
        late = asyncio.create_task(house.projector().step())
        await house.standstill(late)
        await house.see(intent("pi_1", **marks))
        other = asyncio.create_task(house.projector().step())
        await house.standstill(late, other)
    await asyncio.gather(late, other)
    await house.project()
    shown = await house.record("Opportunity", SALE)
    assert (shown["Payment_Request_Id__c"], shown["Payment_Status__c"]) == ("cmd_1", "Paid")
    assert (await house.record("Payment__c", "pi_1"))["Request_Id__c"] == "cmd_1"


INVOICE = {"id": "in_1", "object": "invoice", "status": "paid", "customer": "cus_1", "currency": "usd",
           "created": MOMENT, "metadata": {"salesforce_record_id": SALE}}  # fmt: skip
PAYING = {"id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "status": "paid", "currency": "usd",
          "amount_paid": 1050, "payment": {"type": "payment_intent", "payment_intent": "pi_1"}}  # fmt: skip
CUSTOMER = {"id": "cus_1", "object": "customer", "created": MOMENT, "metadata": {"salesforce_record_id": BUYER}}
TOLD: dict[str, dict[str, Any]] = {
    "invoice": INVOICE,
    "paying": PAYING,
    "payment": intent("pi_1", customer="cus_1"),
    "customer": CUSTOMER,
}


@pytest.mark.parametrize("order", list(permutations(TOLD)), ids="-".join)
async def test_in_whatever_order_they_become_known_a_payment_is_of_the_sale_of_its_invoice(
    database: Database, order: Iterable[str]
) -> None:
    house = House(database)
    for name in order:
        await house.see(TOLD[name])
        await house.project()
    payment = await house.record("Payment__c", "pi_1")
    assert (payment["Opportunity__c"], payment["Account__c"]) == (SALE, BUYER)
    assert (await house.record("Opportunity", SALE))["Stripe_Payment_Intent_Id__c"] == "pi_1"
    before = await house.records()
    async with database.transaction() as tx:
        await tx.execute(text("UPDATE mirror SET dirty = true"))
    await house.project()
    assert await house.records() == before


async def test_a_customer_that_nobody_told_of_is_asked_for_when_a_rule_needs_it(database: Database) -> None:
    house = House(database, routing=[{"customer": "email", "object": "Contact", "field": "Email"}])
    question = Question("Contact", "Email", "ames@example.com")
    answers = {question: Link(LinkState.FOUND, "003000000000001AAA", BUYER)}
    await house.see(intent("pi_1", customer="cus_1"))
    await house.project(answers)
    assert (await house.record("Payment__c", "pi_1"))["Routing__c"] == "Unmatched"
    async with database.transaction() as tx:
        due = await mirror.take_fetches(tx, now=CLOCK.now(), lease=timedelta(seconds=1), limit=10)
    assert [(one.object_type, one.object_id) for one in due] == [("customer", "cus_1")]
    await house.see({"id": "cus_1", "object": "customer", "email": "Ames@example.com", "created": MOMENT})
    await house.project(answers)
    payment = await house.record("Payment__c", "pi_1")
    assert (payment["Routing__c"], payment["Contact__c"]) == ("Matched", "003000000000001AAA")


@pytest.mark.parametrize("others", [(), ("pi_2",)], ids=["none", "another"])
async def test_a_sale_that_a_payment_leaves_no_longer_shows_it(database: Database, others: tuple[str, ...]) -> None:
    house = House(database)

    def by(sale: str) -> Answers:
        asked = {Question("Opportunity", "Stripe_Payment_Intent_Id__c", "pi_1"): Link(LinkState.FOUND, sale, BUYER)}
        mine = Question("Opportunity", "Stripe_Payment_Intent_Id__c", "pi_2")
        return asked | {mine: Link(LinkState.FOUND, SALE, BUYER)}

    await house.see(intent("pi_1"), *(intent(key, amount_received=700) for key in others))
    await house.project(by(SALE))
    assert (await house.record("Opportunity", SALE))["Payment_Status__c"] == "Paid"
    await house.ask_again()
    await house.project(by(OTHER_SALE))
    assert (await house.record("Opportunity", OTHER_SALE))["Stripe_Payment_Intent_Id__c"] == "pi_1"
    left = await house.record("Opportunity", SALE)
    if others:
        assert (left["Stripe_Payment_Intent_Id__c"], str(left["Amount_Paid__c"])) == ("pi_2", "7.00")
    else:
        assert set(left.values()) == {None}
