"""Whatever reaches us of any object of Stripe's, in whatever order: the mirror holds what Stripe says now, and so do
the records made of it.

One engine over a history for each type. Events come through the real intake, shuffled, several to a commit, repeated,
thin or rendered for another version (then nothing in them may be read), of the same second, and lost: of each object
any but the last. The real fetcher asks a real server, now and then in the middle, and at the end until it is quiet.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from service import mirror
from service.clients import StripeApi
from service.clock import SystemClock
from service.config import SecretRef
from service.config import StripeAccount as AccountSettings
from service.db import Database, Wakes, open_database
from service.domain import DesiredRecord, Statement
from service.intake import Intake, StripeEvent, observe, read_stripe_event, stub
from service.maintenance import Fetcher, Reconciler
from service.mirror import MirrorRow
from service.projection._records import records
from tests.support.events import ENTITY, event_body, running_intake
from tests.support.postgres import drop_database, fresh_database
from tests.support.scripted_vendor import Vendor, vendor
from tests.support.stripe_account import ACCOUNT, StripeAccount, Told, billing, charge_alone, draft, payment, payout

_SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
_EVENTS = count(1)
Changes = dict[str, Any]
Records = dict[tuple[str, str], DesiredRecord]


@dataclass(frozen=True)
class Story:
    """What an account begins with, what is changed in it and how, and what it must become in Salesforce."""

    scene: Callable[[StripeAccount], None]
    key: str
    changes: dict[str, tuple[Any, ...]]
    sobject: str
    deletes: bool = False


_REFUND = {"status": ("pending", "requires_action", "succeeded"), "reason": ("duplicate", "fraudulent", None)}
_CHARGE = {"status": ("pending", "succeeded", "failed", "a_new_word"), "failure_code": ("card_declined", None)}
STORIES = {
    "customer": Story(billing, "cus_1", {"email": ("b@example.com", "c@example.com")}, "Account", deletes=True),
    "payment_intent": Story(
        payment, "pi_1", {"status": ("processing", "succeeded", "requires_payment_method")}, "Payment__c"
    ),
    "charge": Story(payment, "ch_1", _CHARGE, "Charge__c"),
    "charge without payment": Story(charge_alone, "ch_1", _CHARGE, "Charge__c"),
    "refund": Story(payment, "re_1", _REFUND, "Refund__c"),
    "refund without payment": Story(charge_alone, "re_1", _REFUND, "Refund__c"),
    "dispute": Story(payment, "du_1", {"status": ("under_review", "won", "lost", "prevented")}, "Dispute__c"),
    "balance transaction": Story(payment, "du_1", {"moved": (-3_000, 3_000)}, "Balance_Transaction__c"),
    "invoice": Story(
        billing, "in_1", {"status": ("open", "paid", "void", "uncollectible"), "number": ("A-1", "A-2")}, "Invoice__c"
    ),
    "draft": Story(draft, "in_1", {"status": ("open", "void"), "number": ("1", "2")}, "Invoice__c", deletes=True),
    "line": Story(billing, "in_1", {"line": ("second", "third")}, "Invoice_Line__c"),
    "invoice payment": Story(billing, "inpay_1", {"status": ("open", "paid", "canceled")}, "Invoice_Payment__c"),
    "credit note": Story(billing, "cn_1", {"status": ("issued", "void"), "number": ("CN-1", "CN-2")}, "Credit_Note__c"),
    "payout": Story(
        payout, "po_1", {"status": ("in_transit", "paid", "failed"), "reconciliation_status": ("completed",)},
        "Payout__c",
    ),
}  # fmt: skip


class LaterClock(SystemClock):
    """Ahead of the intake's: what is to be fetched soon becomes due."""

    ahead = timedelta(minutes=1)

    def now(self) -> datetime:
        return super().now() + self.ahead


@pytest.fixture(scope="module")
async def database(postgres_url: str) -> AsyncIterator[Database]:
    url = fresh_database(postgres_url)
    it = open_database(url, pool_size=5)
    yield it
    await it.close()
    drop_database(postgres_url, url)


@dataclass
class House:
    """The parts between Stripe and the records."""

    database: Database
    intake: Intake
    stripe: Vendor
    fetcher: Fetcher
    clock: LaterClock

    async def fetch(self) -> None:
        """Fetch what is due until nothing is."""
        for _ in range(30):
            if not await self.fetcher.step():
                return
        raise AssertionError("it asks for ever")

    async def settle(self) -> None:
        """Fetch also what is due a little later: of events that come together not all have to come."""
        for _ in range(2):
            await self.fetch()
            self.clock.ahead += timedelta(seconds=20)
        await self.fetch()

    async def forget(self) -> None:
        async with self.database.transaction() as tx:
            for table in ("mirror", "payout_entries", "inbox", "notes"):
                await tx.execute(text(f"DELETE FROM {table}"))  # noqa: S608  (our own tables)

    async def rows(self, account: StripeAccount) -> list[MirrorRow]:
        async with self.database.read() as tx:
            return await mirror.load_family(tx, entities=[ENTITY], roots=sorted(account.objects))

    async def records(self, account: StripeAccount) -> Records:
        rows = await self.rows(account)
        linked = [row for row in rows if row.body is not None]
        return {(one.sobject, one.key): one for one in records(rows, org="main", linked=linked)}


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file: Path = tmp_path_factory.mktemp("house") / "key"
    file.write_text("sk_test_none")
    return file


@pytest.fixture(scope="module")
async def house(database: Database, key_file: Path) -> AsyncIterator[House]:
    secret, clock, wakes = SecretRef(file=key_file), LaterClock(), Wakes(database.url)
    async with vendor(StripeAccount().answer) as stripe, running_intake(database) as intake:
        account = AccountSettings(livemode=False, secret_key=secret, webhook_secrets=(secret,), api_base=stripe.url)
        api = StripeApi(ENTITY, account, clock)
        reconciler = Reconciler(database, clock, orgs={ENTITY: "main"})
        fetcher = Fetcher(
            database, wakes, clock, stripe={ENTITY: api}, reconciler=reconciler, lease=timedelta(seconds=30)
        )
        yield House(database, intake, stripe, fetcher, clock)
        api.close()


@st.composite
def histories(draw: st.DrawFn, story: Story) -> StripeAccount:
    account = StripeAccount()
    story.scene(account)
    changes = [(name, value) for name, values in story.changes.items() for value in values]
    for name, value in draw(st.lists(st.sampled_from(changes), min_size=1, max_size=6)):
        account.now += draw(st.integers(0, 2))
        if name == "moved":
            account.move(story.key, value)
            account.tell(story.key, "updated")
        elif name == "line":
            line = draw(st.sampled_from(account.objects[story.key]["lines"]["data"]))
            line["description"] = value
            account.tell(story.key, "updated")
        else:
            account.change(story.key, **{name: value})
    if story.deletes and draw(st.booleans()):
        account.now += draw(st.integers(0, 1))
        account.delete(story.key)
    return account


def rendered(told: Told, shape: str) -> StripeEvent:
    """Return an event as it reaches us: whole, of another version, or thin."""
    kind, event_id = str(told.body["object"]), f"evt_{next(_EVENTS)}"
    if shape == "thin":
        related = {"id": told.body["id"], "type": kind, "url": f"/v1/{kind}"}
        created = datetime.fromtimestamp(told.created, UTC).isoformat()
        body = {"id": event_id, "object": "v2.core.event", "type": f"v1.{kind}.{told.verb}", "livemode": False,
                "created": created, "related_object": related}  # fmt: skip
        return read_stripe_event(ENTITY, orjson.dumps(body))
    subject, more = dict(told.body), {"type": f"{kind}.{told.verb}"}
    if shape == "other":
        subject |= dict.fromkeys(("status", "amount", "customer", "charge", "lines", "payment", "email"), "misread")
        more |= {"api_version": "2019-12-03"}
    return read_stripe_event(ENTITY, event_body(event_id, subject, created=told.created, **more))


@st.composite
def deliveries(draw: st.DrawFn, account: StripeAccount) -> list[tuple[list[StripeEvent], bool]]:
    """Draw what reaches us: events that come together, and whether there is time to fetch after them."""
    last = {told.body["id"]: place for place, told in enumerate(account.events)}
    kept = [place for place, told in enumerate(account.events)
            if place == last[told.body["id"]] or draw(st.booleans())]  # fmt: skip
    kept += draw(st.lists(st.sampled_from(kept), max_size=4))
    events: list[StripeEvent] = []
    for place in draw(st.permutations(kept)):
        told = account.events[place]
        shape = draw(st.sampled_from(("whole", "whole", "other", "thin")))
        events += [rendered(told, shape)] * draw(st.integers(1, 2))
    groups: list[tuple[list[StripeEvent], bool]] = []
    while events:
        size = draw(st.integers(1, 4))
        groups.append((events[:size], draw(st.booleans())))
        events = events[size:]
    return groups


@st.composite
def cases(draw: st.DrawFn, story: Story) -> tuple[StripeAccount, list[tuple[list[StripeEvent], bool]]]:
    account = draw(histories(story))
    return account, draw(deliveries(account))


async def read_whole(house: House, account: StripeAccount) -> Records:
    """Return the records of a mirror that has read everything at Stripe once, after all was over."""
    as_of, now = datetime.fromtimestamp(account.now, UTC), SystemClock().now()
    stubs = [stub(ENTITY, body["object"], key, fetch_after=now, as_of=as_of) for key, body in account.objects.items()]
    async with house.database.transaction() as tx:
        await observe(tx, stubs, now=now)
    await house.settle()
    return await house.records(account)


def check_mirror(rows: list[MirrorRow], account: StripeAccount) -> None:
    """Compare every row with what Stripe has, reckoned without any rule of ours."""
    known = {row.object_id: row for row in rows if row.object_type != Statement.KIND}
    assert known.keys() == account.objects.keys()
    for key, body in account.objects.items():
        assert known[key].deleted is (key in account.deleted), key
        if key not in account.deleted:
            assert known[key].body == body


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
@given(data=st.data())
@settings(max_examples=10, deadline=None, suppress_health_check=_SLOW)
async def test_any_part_of_a_history_in_any_order_ends_in_the_present(
    house: House, story: Story, data: st.DataObject
) -> None:
    account, reaching = data.draw(cases(story))
    house.stripe.answer = account.answer
    await house.forget()
    expected = await read_whole(house, account)
    await house.forget()
    for events, pause in reaching:
        await asyncio.gather(*(house.intake.receive(event) for event in events))
        if pause:
            await house.fetch()
    await house.settle()
    check_mirror(await house.rows(account), account)
    found = await house.records(account)
    if story.key in account.deleted:
        check_buried(story, found)
    else:
        assert story.sobject in {sobject for sobject, _ in found}
    if "cus_1" in account.deleted:
        return  # whose it was is told by its events alone, not by the tombstone that is left: it may never have come
    assert [(found.get(place), expected.get(place)) for place in found.keys() | expected.keys()
            if found.get(place) != expected.get(place)] == []  # fmt: skip


def check_buried(story: Story, found: Records) -> None:
    """Nothing in Salesforce speaks of a deleted object as if it were there."""
    if story.sobject == "Account":
        holder = found.get(("Account", ACCOUNT))
        assert holder is None or holder.fields["Stripe_Customer_Id__c"] is None
    else:
        assert found["Invoice__c", story.key].fields["Status__c"] == "Void"
        assert not any(sobject == "Invoice_Line__c" for sobject, _ in found)
