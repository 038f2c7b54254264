"""A fetch takes time, and what it brings may be older than what was seen meanwhile, also within one second."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from service import mirror
from service.clients import StripeApi
from service.clock import SystemClock
from service.config import SecretRef, StripeAccount
from service.db import Database, Wakes
from service.domain import Evidence
from service.intake import sight
from service.maintenance import Fetcher, Reconciler
from tests.support.events import ENTITY, intent
from tests.support.scripted_vendor import Reply, Vendor, vendor
from tests.support.waiting import until

SECOND = datetime(2026, 11, 23, 11, 0, 0, tzinfo=UTC)
DATE = {"Date": format_datetime(SECOND, usegmt=True), "Request-Id": "req_1"}


@pytest.fixture
async def stripe() -> AsyncIterator[Vendor]:
    async with vendor(lambda _: Reply(status=500)) as it:
        yield it


@pytest.fixture
def fetcher(stripe: Vendor, database: Database, tmp_path: Path) -> Fetcher:
    (tmp_path / "key").write_text("sk_test_1")
    secret = SecretRef(file=tmp_path / "key")
    account = StripeAccount(livemode=False, api_base=stripe.url, secret_key=secret, webhook_secrets=(secret,))
    clock = SystemClock()
    api = {ENTITY: StripeApi(ENTITY, account, clock)}
    reconciler = Reconciler(database, clock, orgs={})
    lease = timedelta(seconds=30)
    return Fetcher(database, Wakes(database.url), clock, stripe=api, reconciler=reconciler, lease=lease)


async def tell(database: Database, status: str, at: datetime = SECOND) -> None:
    """See the intent in an event of `at`."""
    now = datetime.now(UTC)
    seen = sight(ENTITY, intent("pi_1", status=status), as_of=at, evidence=Evidence.EVENT, now=now)
    async with database.transaction() as tx:
        await mirror.observe(tx, seen, now=now)


async def status_of(database: Database) -> Any:
    async with database.read() as tx:
        [row] = await mirror.load_family(tx, entities=[ENTITY], roots=["pi_1"])
    return (row.body or {})["status"]


async def fetch_while(fetcher: Fetcher, stripe: Vendor, old: str, meanwhile: Any) -> None:
    """Fetch the intent, which Stripe answers as `old`; the answer arrives after `meanwhile`."""
    asked, gate = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        asked.set()
        await gate.wait()

    stripe.answer = lambda _: Reply(intent("pi_1", status=old), headers=DATE, wait=wait)
    step = asyncio.create_task(fetcher.step())
    await until(asked.is_set)
    await meanwhile
    gate.set()
    assert await step == 1


async def test_an_answer_overtaken_by_a_contradiction_is_not_believed_and_asked_again(
    database: Database, stripe: Vendor, fetcher: Fetcher
) -> None:
    await tell(database, "requires_action")
    await tell(database, "processing")  # of the same second: which is newer is for Stripe to say
    await fetch_while(fetcher, stripe, "processing", tell(database, "succeeded"))
    stripe.answer = lambda _: Reply(intent("pi_1", status="succeeded"), headers=DATE)
    assert await fetcher.step() == 1, "the doubt that came meanwhile was forgotten"
    assert await status_of(database) == "succeeded"
    assert await fetcher.step() == 0


async def test_an_answer_overtaken_by_newer_news_does_not_replace_it(
    database: Database, stripe: Vendor, fetcher: Fetcher
) -> None:
    earlier = SECOND - timedelta(seconds=1)
    await tell(database, "requires_action", earlier)
    await tell(database, "requires_confirmation", earlier)
    await fetch_while(fetcher, stripe, "processing", tell(database, "succeeded"))
    assert await status_of(database) == "succeeded"
    assert await fetcher.step() == 0, "the newer sight settled what was in doubt"


async def test_an_undisturbed_answer_settles_its_second(database: Database, stripe: Vendor, fetcher: Fetcher) -> None:
    await tell(database, "requires_action")
    await tell(database, "processing")
    await fetch_while(fetcher, stripe, "succeeded", asyncio.sleep(0))
    assert await status_of(database) == "succeeded"
    assert await fetcher.step() == 0
