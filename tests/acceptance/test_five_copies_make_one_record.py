from deploy.demo.cast import Cast
from tests.support.stage import drain, new_opportunity, next_second, won_and_paid

ONE_OF_EACH = {"Opportunity": 1, "Payment__c": 1, "Charge__c": 1, "Balance_Transaction__c": 1}


def test_five_copies_of_every_webhook_at_once_make_one_record_of_each(cast: Cast) -> None:
    cast.control.post("/stripe/webhook-faults", fault="duplicate", copies=5, times=-1)
    earlier = len(cast.control.deliveries())
    record = new_opportunity(cast, "130.00", "USD")
    won_and_paid(cast, record)
    sent = cast.control.deliveries()[earlier:]
    assert len(sent) == 5 * len({row["event"] for row in sent})
    assert {row["status"] for row in sent} == {200}
    assert {name: len(rows) for name, rows in cast.state(record).items()} == ONE_OF_EACH


def test_an_event_sent_again_under_another_id_changes_nothing(cast: Cast) -> None:
    cast.control.post("/stripe/webhook-faults", fault="duplicate_new_id", times=-1)
    record = new_opportunity(cast, "131.00", "USD")
    won_and_paid(cast, record)
    assert {name: len(rows) for name, rows in cast.state(record).items()} == ONE_OF_EACH


def test_webhooks_out_of_order_end_in_the_same_record(cast: Cast) -> None:
    cast.control.post("/stripe/webhook-faults", fault="reorder", types=["payment_intent.*"], times=-1, ms=300)
    record = new_opportunity(cast, "132.00", "USD")
    after = won_and_paid(cast, record)
    assert (after["Payment_Status__c"], after["Amount_Paid__c"]) == ("Paid", 132)
    assert {name: len(rows) for name, rows in cast.state(record).items()} == ONE_OF_EACH


def test_all_news_again_later_writes_nothing(cast: Cast) -> None:
    record = new_opportunity(cast, "133.00", "USD")
    won_and_paid(cast, record)
    before, writes = cast.state(record), len(cast.control.writes())
    next_second()
    answers = cast.resend(cast.stripe_events()[:20], copies=5)
    drain(cast)
    assert answers == {"duplicate": 100}
    assert len(cast.control.writes()) == writes
    assert cast.state(record) == before
