"""The same stories over the Pub/Sub API and over CometD: how events come is a setting that changes nothing else."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.demo.cast import Cast
from deploy.demo.outside import TOPIC_OBJECT
from deploy.demo.story import pay
from tests.support.stage import (
    drain,
    intents_of,
    link_of,
    new_opportunity,
    opportunity,
    staged,
    taken_in,
    until_status,
    won_and_paid,
)

TOPIC = f"/event/{TOPIC_OBJECT}"
FEEDS = ("pubsub", "cometd")


@pytest.fixture(scope="module", params=FEEDS)
def feed_cast(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[tuple[str, Cast]]:
    with staged(postgres_url, org={"stream": request.param}, COUNTERFOIL_LEASE_SECONDS="5") as cast:
        yield request.param, cast


@pytest.fixture
def feed(feed_cast: tuple[str, Cast]) -> str:
    return feed_cast[0]


@pytest.fixture
def cast(feed_cast: tuple[str, Cast]) -> Iterator[Cast]:
    _, it = feed_cast
    yield it
    for path in ("/pubsub/faults", "/cometd/faults"):
        it.control.clear(path)
    drain(it)


def readers(cast: Cast) -> dict[str, int]:
    """Return how many clients read the topic by each API now; the cast's own listener, by Pub/Sub, is not counted."""
    streams = [one for one in cast.control.get("/pubsub/streams")["streams"] if one["topic"] == TOPIC]
    clients = [one for one in cast.control.get("/cometd/sessions")["sessions"] if TOPIC in one["subscriptions"]]
    return {"pubsub": len(streams) - 1, "cometd": sum(bool(one["held"]) for one in clients)}


def positions(cast: Cast) -> dict[str, bytes]:
    """Return the stored position of each feed."""
    with psycopg.connect(str(cast.stack.database_url)) as connection:
        rows = connection.execute("SELECT feed, position FROM streams WHERE topic = %s", (TOPIC,)).fetchall()
    return {feed: bytes(position) for feed, position in rows if position is not None}


def gaps(log: Path) -> int:
    return log.read_text().count('"stream.gap"')


def asked(cast: Cast, record: str, version: str = "1") -> str:
    """Publish a request for a record, as a person's own Flow may; return the event's id."""
    event: str = cast.salesforce.request_payment(record, "hosted_checkout", Version__c=version)
    return event


def test_a_won_opportunity_is_paid(feed: str, cast: Cast) -> None:
    record = new_opportunity(cast, "310.00", "USD")
    after = won_and_paid(cast, record)
    assert (after["Payment_Status__c"], after["Amount_Paid__c"]) == ("Paid", 310)
    cast.wait("the feed alone reading", lambda: readers(cast) == {name: int(name == feed) for name in FEEDS})
    assert set(positions(cast)) == {feed}


def test_nothing_is_lost_while_the_service_is_down(cast: Cast) -> None:
    won_and_paid(cast, new_opportunity(cast, "311.00", "USD"))
    cast.service.kill()
    records = [new_opportunity(cast, f"312.0{number}", "USD") for number in range(3)]
    for record in records:
        cast.salesforce.win(record)
    cast.service = cast.stack.start_service()
    for record in records:
        pay(link_of(cast, record))
        until_status(cast, record, "Paid")
    drain(cast)
    assert [len(cast.salesforce.payments_of(record)["Payment__c"]) for record in records] == [1, 1, 1]
    assert gaps(cast.service.log) == 0


def test_an_event_that_comes_twice_is_one_request(feed: str, cast: Cast) -> None:
    cast.control.post(f"/{feed}/faults", fault="duplicate", topic=TOPIC, times=3)
    record = new_opportunity(cast, "313.00", "USD")
    won_and_paid(cast, record)
    assert len(intents_of(cast, record)) == 1
    assert len(cast.salesforce.payments_of(record)["Payment__c"]) == 1


def test_a_replay_id_that_expired_means_everything_again_and_nothing_twice(feed: str, cast: Cast) -> None:
    paid = new_opportunity(cast, "314.00", "USD")
    won_and_paid(cast, paid)
    assert cast.service.stop() == 0
    cast.control.post(f"/{feed}/faults", fault="expired_replay_id", topic=TOPIC)
    won = new_opportunity(cast, "315.00", "USD")
    cast.salesforce.win(won)
    before = opportunity(cast, paid)
    cast.service = cast.stack.start_service()
    pay(link_of(cast, won))
    until_status(cast, won, "Paid")
    drain(cast)
    assert gaps(cast.service.log) == 1
    assert (len(intents_of(cast, paid)), len(intents_of(cast, won))) == (1, 1)
    assert opportunity(cast, paid) == before


def test_another_replica_takes_over_from_one_that_was_killed(feed: str, cast: Cast) -> None:
    other = cast.stack.start_service(["subscriber"], name="other")
    cast.wait("one replica reading", lambda: readers(cast)[feed] == 1)
    cast.service.kill()
    cast.service = other
    record = new_opportunity(cast, "316.00", "USD")
    taken_in(cast, asked(cast, record))
    assert gaps(cast.service.log) == 0
    cast.service = cast.stack.start_service()
    assert other.stop() == 0
    pay(link_of(cast, record))
    until_status(cast, record, "Paid")
    drain(cast)
    assert len(intents_of(cast, record)) == 1


def test_an_org_that_switches_the_feed_pays_each_request_once(feed: str, cast: Cast) -> None:
    first = new_opportunity(cast, "317.00", "USD")
    won_and_paid(cast, first)
    (other,) = set(FEEDS) - {feed}
    kept = positions(cast)[feed]
    for name in (other, feed):
        assert cast.service.stop() == 0
        cast.stack.org["stream"] = name
        record = new_opportunity(cast, "318.00", "USD")
        cast.salesforce.win(record)
        cast.service = cast.stack.start_service()
        pay(link_of(cast, record))
        until_status(cast, record, "Paid")
        drain(cast)
        assert len(intents_of(cast, record)) == 1
        assert gaps(cast.service.log) == 0, "no feed was given the position of the other"
        if name == other:
            assert positions(cast)[feed] == kept
    assert len(intents_of(cast, first)) == 1
    assert positions(cast)[feed] != kept
