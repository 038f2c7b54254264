from deploy.demo.cast import Cast
from tests.support.postgres import drop_database, fresh_database
from tests.support.stage import (
    drain,
    intents_of,
    new_account,
    new_opportunity,
    opportunity,
    saved_card,
    staged,
    taken_in,
    until_status,
)


def test_requests_that_salesforce_repeats_find_what_was_done_for_them(postgres_url: str) -> None:
    """Without its rows the service reads the last three days again; Stripe still knows the key and what it made."""
    with staged(postgres_url) as cast:
        record, event = _charged(cast)
        assert cast.service.stop() == 0
        lost = fresh_database(postgres_url)
        try:
            cast.stack.database_url = lost
            cast.service = cast.stack.start_service()
            taken_in(cast, event)
            drain(cast)
            [intent] = intents_of(cast, record)
            after = opportunity(cast, record)
            assert (after["Payment_Status__c"], after["Stripe_Payment_Intent_Id__c"]) == ("Paid", intent)
            assert after["Payment_Error__c"] is None
            assert cast.service.stop() == 0
        finally:
            drop_database(postgres_url, lost)


def _charged(cast: Cast) -> tuple[str, str]:
    account = new_account(cast)
    record = new_opportunity(cast, "45.00", "USD", account=account)
    card = saved_card(cast, account, "pm_card_visa")
    event = cast.salesforce.request_payment(record, "off_session", Payment_Method_Id__c=card)
    until_status(cast, record, "Paid")
    drain(cast)
    return record, event
