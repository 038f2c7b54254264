import pytest

from deploy.demo.cast import Cast
from deploy.demo.outside import Row
from deploy.demo.story import pay
from tests.support.stage import dead_letters, drain, intents_of, link_of, new_opportunity, opportunity, until_status

WRITES = "/services/data/v66.0/composite"


@pytest.mark.parametrize("sobject", ["Payment__c", "Charge__c", "Balance_Transaction__c", "Opportunity"])
def test_a_write_whose_answer_is_lost_is_repeated_and_makes_no_second_record(cast: Cast, sobject: str) -> None:
    record = new_opportunity(cast, "88.00", "USD")
    cast.salesforce.win(record)
    link = link_of(cast, record)
    drain(cast)
    fault = {"method": "PATCH", "path_prefix": WRITES, "sobject": sobject, "times": 1}
    cast.control.post("/salesforce/faults", fault="after_effect_disconnect", **fault)
    pay(link)
    until_status(cast, record, "Paid")
    drain(cast)
    struck = [row for row in cast.control.writes() if row["fault"] == "after_effect_disconnect"]
    assert struck, "the answer was not lost, so nothing was proven"
    state = cast.state(record)
    assert {name: len(rows) for name, rows in state.items()} == dict.fromkeys(state, 1)
    assert opportunity(cast, record)["Payment_Net__c"] == state["Payment__c"][0]["Net__c"]
    assert dead_letters(cast) == 0


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/checkout/sessions"])
def test_a_stripe_call_whose_answer_is_lost_is_repeated_under_its_key(cast: Cast, path: str) -> None:
    before = len(_tries(cast, path))
    cast.control.post("/stripe/faults", method="POST", path=path, fault="disconnect", after_effect=True, times=1)
    record = new_opportunity(cast, "89.00", "USD")
    cast.salesforce.win(record)
    pay(link_of(cast, record))
    until_status(cast, record, "Paid")
    drain(cast)
    tries = _tries(cast, path)[before:]
    assert tries[0]["fault"] == "disconnect"
    # A customer may have come by webhook before the call was repeated; a repeated call is answered as the first was.
    assert [row["replayed"] for row in tries] == [False, True][: len(tries)]
    assert len({row["idempotency_key"] for row in tries}) == 1
    assert len(intents_of(cast, record)) == 1


def _tries(cast: Cast, path: str) -> list[Row]:
    requests = cast.control.get("/stripe/requests")["requests"]
    return [row for row in requests if (row["method"], row["path"]) == ("POST", path)]


def test_a_locked_row_is_written_when_it_is_free(cast: Cast) -> None:
    record = new_opportunity(cast, "90.00", "USD")
    cast.control.post(
        "/salesforce/faults", fault="row_lock", method="PATCH", path_prefix=WRITES, sobject="Opportunity", times=2
    )
    cast.salesforce.win(record)
    link_of(cast, record)
    drain(cast)
    assert dead_letters(cast) == 0
