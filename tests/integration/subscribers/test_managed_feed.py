"""The feed on a managed subscription: what is stored is committed, what is not comes again; and the allowance."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.errors import VendorUnavailable
from service.intake import StreamIntake
from subscribers import Allowance, Cause, PubSubFeed, StreamEnded, Supervisor
from tests.integration.subscribers.conftest import Salesforce
from tests.integration.subscribers.stage import LEASE, ORG, PAUSES, Stored, Watch, running
from tests.integration.subscribers.test_pubsub_feed import SignIn, numbers
from tests.support.waiting import until


class Managed:
    """A topic with a managed subscription, and a feed that reads it."""

    def __init__(self, salesforce: Salesforce) -> None:
        self.salesforce = salesforce
        self.topic = salesforce.new_topic()
        self.name = self.topic.removeprefix("/event/").removesuffix("__e")
        self.deploy(default_replay="EARLIEST")
        org = salesforce.org()
        pubsub = org.pubsub.model_copy(update={"managed": {self.topic: self.name}})
        sign_in = SignIn(salesforce.credentials)
        changed = org.model_copy(update={"pubsub": pubsub})
        self.feed = PubSubFeed("main", changed, sign_in, silence=timedelta(seconds=5))

    def deploy(self, **settings: Any) -> None:
        self.salesforce.post("managed", developer_name=self.name, topic=self.topic, **settings)

    @property
    def entry(self) -> dict[str, Any]:
        found = self.salesforce.http.get("/pubsub/managed").json()["subscriptions"]
        entry: dict[str, Any] = next(one for one in found if one["developer_name"] == self.name)
        return entry


@pytest.fixture
async def managed(salesforce: Salesforce) -> AsyncIterator[Managed]:
    it = Managed(salesforce)
    yield it
    await it.feed.close()


async def test_a_batch_is_committed_once_more_is_asked_for(managed: Managed) -> None:
    first = managed.salesforce.publish(managed.topic, 1)
    async with aclosing(managed.feed.batches(managed.topic, b"ours says nothing")) as batches:
        assert numbers([await anext(batches)]) == [1]
        assert managed.entry["committed"] is None
        last = managed.salesforce.publish(managed.topic, 2)
        assert numbers([await anext(batches)]) == [2]
        await until(lambda: managed.entry["committed"] == first.hex())
    await until(lambda: not managed.entry["active"])
    async with aclosing(managed.feed.batches(managed.topic, last)) as batches:
        assert numbers([await anext(batches)]) == [2], "it was read and not stored"


async def test_what_a_supervisor_stores_is_committed(managed: Managed, intake: StreamIntake) -> None:
    sent = [managed.salesforce.publish(managed.topic, number) for number in range(3)]
    supervisor = Supervisor(
        intake, managed.feed, Watch(), org=ORG, topic=managed.topic, holder="one", lease=LEASE, pauses=PAUSES
    )
    async with running(supervisor):
        await until(lambda: managed.entry["committed"] == sent[-1].hex())


@pytest.mark.parametrize(
    ("state", "cause", "code"),
    [("STOP", Cause.STOP, "managed.subscription.config.stopped")],
)
async def test_a_stopped_subscription_needs_a_person(managed: Managed, state: str, cause: Cause, code: str) -> None:
    managed.deploy(state=state)
    with pytest.raises(StreamEnded) as ended:
        async with aclosing(managed.feed.batches(managed.topic, None)) as batches:
            await anext(batches)
    assert (ended.value.cause, ended.value.code) == (cause, code)


class Deliveries:
    """What an org says of its allowance."""

    def __init__(self, *answers: tuple[int, int] | Exception | None) -> None:
        self.answers = list(answers)

    async def __call__(self) -> tuple[int, int] | None:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_changes_wait_when_deliveries_run_short_and_requests_do_not() -> None:
    told = Deliveries((10, 100), (9, 100), VendorUnavailable("no", vendor="salesforce"), None, (10, 100))
    allowance = Allowance("main", told, reserve_percent=10, every=timedelta(hours=1))
    change, request = "/data/OpportunityChangeEvent", "/event/Payment_Request__e"
    may: list[tuple[bool, bool]] = []
    with capture_logs() as logs:
        for _ in range(5):
            await allowance.step()
            may.append((allowance.may_read(change), allowance.may_read(request)))
    assert may == [(True, True), (False, True), (False, True), (False, True), (True, True)]
    assert [one["event"] for one in logs] == [
        "stream.allowance_short",
        "stream.allowance_unread",
        "stream.allowance_enough",
    ]


async def test_a_stream_that_is_held_back_waits_and_goes_on_where_it_was(
    salesforce: Salesforce, intake: StreamIntake, database: Any
) -> None:
    topic, free = salesforce.new_topic(), [True]
    feed = PubSubFeed("main", salesforce.org(), SignIn(salesforce.credentials), silence=timedelta(seconds=5))
    supervisor = Supervisor(
        intake,
        feed,
        Watch(),
        org=ORG,
        topic=topic,
        holder="one",
        lease=LEASE,
        pauses=PAUSES,
        may_read=lambda: free[0],
    )
    stored = Stored(database, topic)
    async with running(supervisor):
        salesforce.publish(topic, 1)
        await stored.reach([1])
        free[0] = False
        salesforce.publish(topic, 2)
        await until(lambda: supervisor.last_end is Cause.SLOW_DOWN)
        await until(lambda: not salesforce.streams(topic))
        salesforce.publish(topic, 3)
        free[0] = True
        await stored.reach([1, 2, 3])
    await feed.close()
