"""A managed subscription: Salesforce keeps how far a topic was read, as far as we say that it is stored."""

from collections.abc import Iterator
from typing import Any

import pytest

from deploy.demo.cast import Cast
from deploy.demo.outside import TOPIC_OBJECT, Control
from deploy.demo.story import pay
from tests.support.stage import drain, intents_of, link_of, new_opportunity, staged, until_status, won_and_paid

TOPIC, NAME = f"/event/{TOPIC_OBJECT}", "Counterfoil_Requests"


def deploy(control: Control) -> None:
    control.post("/pubsub/managed", developer_name=NAME, topic=TOPIC, default_replay="EARLIEST")


@pytest.fixture(scope="module")
def cast(postgres_url: str) -> Iterator[Cast]:
    with staged(postgres_url, org={"pubsub": {"managed": {TOPIC: NAME}}}, prepare=deploy) as it:
        yield it


def subscription(cast: Cast) -> dict[str, Any]:
    [found] = cast.control.get("/pubsub/managed")["subscriptions"]
    entry: dict[str, Any] = found
    return entry


def test_requests_are_read_by_a_managed_subscription_and_none_is_lost_or_done_twice(cast: Cast) -> None:
    first = new_opportunity(cast, "510.00", "USD")
    won_and_paid(cast, first)
    before = cast.wait("a commit", lambda: subscription(cast)["committed"])
    cast.service.kill()
    second = new_opportunity(cast, "511.00", "USD")
    cast.salesforce.win(second)
    cast.service = cast.stack.start_service()
    pay(link_of(cast, second))
    until_status(cast, second, "Paid")
    drain(cast)
    assert [len(intents_of(cast, record)) for record in (first, second)] == [1, 1]
    cast.wait("another commit", lambda: subscription(cast)["committed"] > before)
