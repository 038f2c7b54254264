from concurrent.futures import ThreadPoolExecutor

from deploy.demo.cast import Cast
from tests.support.stage import drain, link_of, new_account, new_opportunity


def test_two_opportunities_of_a_new_account_won_at_once_share_one_customer(cast: Cast) -> None:
    account = new_account(cast, "Harrow Printing")
    records = [new_opportunity(cast, amount, "USD", account=account) for amount in ("100.00", "200.00")]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(cast.salesforce.win, records))
    for record in records:
        link_of(cast, record)
    drain(cast)
    made = [
        one for one in cast.stripe.v1.customers.list({"limit": 100}).auto_paging_iter() if one.name == "Harrow Printing"
    ]
    assert len(made) == 1
    sessions = cast.stripe.v1.checkout.sessions.list({"limit": 100}).auto_paging_iter()
    ours = [session for session in sessions if session.client_reference_id in records]
    assert len(ours) == 2
    assert {session.customer for session in ours} == {made[0].id}
    assert cast.salesforce.get("Account", account)["Stripe_Customer_Id__c"] == made[0].id
