from decimal import Decimal
from typing import Any

from deploy.demo.cast import Cast
from deploy.demo.outside import Row
from tests.support.operations import ask, refunds_of, sold
from tests.support.refunds import payment
from tests.support.stage import drain, new_account, new_opportunity, opportunity, saved_card, taken_in, until_status

SALES_REP = "005000000000042AAA"


def requests_for(cast: Cast, record: str) -> list[Row]:
    """Return what was asked for a record, oldest first."""
    where = f"Record_Id__c = '{record}' ORDER BY Asked_At__c, Name"
    return cast.salesforce.query(f"SELECT FIELDS(ALL) FROM Payment_Request__c WHERE {where} LIMIT 200")  # noqa: S608  (a test's own id)


def holds(row: Row, **expected: Any) -> None:
    assert {name: row[name] for name in expected} == expected


def test_who_asked_what_for_which_record_and_what_came_of_it(cast: Cast) -> None:
    sale = sold(cast, "100.00")
    ask(cast, "refund_payment", sale.record, Amount__c=25.5, Requested_By__c=SALES_REP)
    until_status(cast, sale.record, "Partially_Refunded")
    drain(cast)
    paid, refunded = requests_for(cast, sale.record)
    [refund] = refunds_of(cast, sale.intent)
    made = payment(cast, sale.intent)
    shared = {"Status__c": "Succeeded", "Error__c": None, "Conflict__c": False, "Currency_Code__c": "USD"}
    shared |= {"Payment__c": made["Id"], "Opportunity__c": sale.record, "Payment_Intent_Id__c": sale.intent}
    shared |= {"Source__c": "salesforce", "Entity__c": cast.stack.entity, "Approval__c": "Not_Needed"}
    holds(paid, Operation__c="create_payment", Amount__c=Decimal(100), Account__c=sale.account, **shared)
    assert paid["Request_Id__c"] == made["Request_Id__c"]
    holds(refunded, Operation__c="refund_payment", Amount__c=Decimal("25.5"), Result_Id__c=refund["id"], **shared)
    holds(refunded, Requested_By__c=SALES_REP, Version__c="1", Target_Id__c=sale.intent)
    assert refunded["Asked_At__c"] <= refunded["Ended_At__c"]


def test_a_repeated_event_is_the_same_record_and_a_changed_amount_is_told_there(cast: Cast) -> None:
    sale = sold(cast, "90.00")
    for _ in range(3):
        taken_in(cast, ask(cast, "refund_payment", sale.record, Amount__c=30))
    until_status(cast, sale.record, "Partially_Refunded")
    drain(cast)
    _, refund = requests_for(cast, sale.record)
    holds(refund, Status__c="Succeeded", Conflict__c=False, Error__c=None)
    taken_in(cast, ask(cast, "refund_payment", sale.record, Amount__c=31))
    drain(cast)
    _, refund = requests_for(cast, sale.record)
    holds(refund, Status__c="Succeeded", Conflict__c=True, Amount__c=Decimal(30))
    assert "for 30 and now for 31" in refund["Error__c"]


def test_a_decline_and_a_missing_payment_method_are_outcomes_in_words(cast: Cast) -> None:
    account = new_account(cast)
    record = new_opportunity(cast, "20.00", "USD", account=account)
    cast.salesforce.request_payment(record, "off_session")
    cast.wait("the refusal", lambda: opportunity(cast, record)["Payment_Error__c"])
    method = saved_card(cast, account, "pm_card_chargeCustomerFail")
    cast.salesforce.request_payment(record, "off_session", Payment_Method_Id__c=method, Version__c="2")
    until_status(cast, record, "Failed")
    drain(cast)
    without, declined = requests_for(cast, record)
    holds(without, Status__c="Refused", Reason_Code__c="NO_PAYMENT_METHOD", Version__c="1", Payment__c=None)
    assert "no saved payment method" in without["Error__c"]
    holds(declined, Status__c="Declined", Reason_Code__c="PAYMENT_DECLINED", Version__c="2")
    assert declined["Failure_Code__c"]
    assert declined["Payment__c"]


def test_an_event_that_makes_no_sense_has_a_record_too(cast: Cast) -> None:
    record = new_opportunity(cast, "20.00", "USD")
    taken_in(cast, ask(cast, "make_coffee", record, Requested_By__c=SALES_REP))
    drain(cast)
    [refused] = requests_for(cast, record)
    holds(refused, Status__c="Refused", Operation__c="make_coffee", Reason_Code__c="INVALID_REQUEST")
    holds(refused, Opportunity__c=record, Requested_By__c=SALES_REP, Source__c="salesforce")
    assert "give one of create_payment" in refused["Error__c"]
    assert refused["Request_Id__c"].startswith("refused_")
