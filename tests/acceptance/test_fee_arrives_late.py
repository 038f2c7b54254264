from collections.abc import Iterator
from decimal import Decimal

import pytest

from deploy.demo.cast import Cast
from deploy.demo.story import pay
from tests.support.stage import drain, link_of, new_opportunity, opportunity, until_status


@pytest.fixture
def slow_balance(cast: Cast) -> Iterator[None]:
    """Stripe makes balance transactions later than it tells of the payment."""
    before = cast.control.get("/stripe/settings")["balance_transaction_delay_ms"]
    cast.control.post("/stripe/settings", balance_transaction_delay_ms=2000)
    yield
    cast.control.post("/stripe/settings", balance_transaction_delay_ms=before)


@pytest.mark.usefixtures("slow_balance")
def test_until_the_fee_is_known_it_is_empty_and_never_zero(cast: Cast) -> None:
    record = new_opportunity(cast, "500.00", "USD")
    cast.salesforce.win(record)
    pay(link_of(cast, record))
    early = until_status(cast, record, "Paid")
    assert early["Amount_Paid__c"] == Decimal(500)
    assert (early["Payment_Fee__c"], early["Payment_Net__c"]) == (None, None)
    told = cast.payments.get(early["Payment_Request_Id__c"])
    assert not told.HasField("settlement")

    cast.wait("the fee", lambda: opportunity(cast, record)["Payment_Fee__c"])
    drain(cast)
    late = opportunity(cast, record)
    assert (late["Payment_Fee__c"], late["Payment_Net__c"]) == (Decimal("14.80"), Decimal("485.20"))
    assert late["Paid_At__c"] == early["Paid_At__c"]
    [payment] = cast.salesforce.payments_of(record)["Payment__c"]
    assert payment["Net__c"] == payment["Amount__c"] - payment["Fee__c"]
