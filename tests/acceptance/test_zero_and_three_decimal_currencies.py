from decimal import Decimal

import pytest

from deploy.demo.cast import Cast
from tests.support.stage import drain, intents_of, new_opportunity, opportunity, until_status, won_and_paid


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("50000", "JPY", 50000), ("12.34", "KWD", 12340), ("99.99", "EUR", 9999), ("0.50", "USD", 50)],
)
def test_the_amount_is_exact_in_both_worlds(cast: Cast, amount: str, currency: str, minor: int) -> None:
    record = new_opportunity(cast, amount, currency)
    after = won_and_paid(cast, record)
    [intent] = intents_of(cast, record)
    charged = cast.stripe.v1.payment_intents.retrieve(intent, {"expand": ["latest_charge.balance_transaction"]})
    assert (charged.amount, charged.currency) == (minor, currency.lower())
    assert (after["Amount_Paid__c"], after["Payment_Currency__c"]) == (Decimal(amount), currency)
    entry = charged.to_dict(for_json=True)["latest_charge"]["balance_transaction"]
    assert entry["net"] == entry["amount"] - entry["fee"]
    assert after["Payment_Net__c"] == Decimal(entry["net"]).scaleb(-2)
    [payment] = cast.salesforce.payments_of(record)["Payment__c"]
    assert payment["Amount__c"] == Decimal(amount)
    assert payment["Settlement_Amount__c"] - payment["Fee__c"] == payment["Net__c"]


def test_an_amount_the_currency_cannot_express_is_refused_and_never_rounded(cast: Cast) -> None:
    record = new_opportunity(cast, "100.50", "JPY")
    cast.salesforce.win(record)
    until_status(cast, record, "Failed")
    drain(cast)
    assert "JPY" in opportunity(cast, record)["Payment_Error__c"]
    assert intents_of(cast, record) == []
