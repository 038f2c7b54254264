from collections.abc import Iterator

import pytest

from deploy.demo.cast import Cast
from deploy.demo.outside import wait_for
from deploy.demo.story import pay
from tests.support.stage import drain, link_of, new_opportunity, opportunity, staged, until_status


@pytest.fixture(scope="module")
def own_cast(postgres_url: str) -> Iterator[Cast]:
    with staged(postgres_url) as cast:
        cast.control.post("/stripe/settings", webhook_retry_schedule_ms=[200] * 100)
        yield cast


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_events_and_webhooks_of_a_downtime_arrive_after_it(own_cast: Cast, end: str) -> None:
    cast = own_cast
    asked = new_opportunity(cast, "70.00", "USD")
    cast.salesforce.win(asked)
    link = link_of(cast, asked)
    drain(cast)
    if end == "killed":
        cast.service.kill()
    else:
        assert cast.service.stop() == 0

    won_meanwhile = new_opportunity(cast, "71.00", "USD")
    cast.salesforce.win(won_meanwhile)
    earlier = len(cast.control.deliveries())
    pay(link)
    # Not `cast.wait`, which would complain that the service is down.
    wait_for("a failed webhook", lambda: any(row["status"] is None for row in cast.control.deliveries()[earlier:]))
    assert opportunity(cast, asked)["Payment_Status__c"] == "Requested"
    assert opportunity(cast, won_meanwhile)["Payment_Link_Url__c"] is None

    cast.service = cast.stack.start_service()
    until_status(cast, asked, "Paid")
    pay(link_of(cast, won_meanwhile))
    until_status(cast, won_meanwhile, "Paid")
    drain(cast)
    for record in (asked, won_meanwhile):
        state = cast.state(record)
        assert {name: len(rows) for name, rows in state.items()} == dict.fromkeys(state, 1)
        assert state["Opportunity"][0]["Payment_Net__c"] == state["Payment__c"][0]["Net__c"]
