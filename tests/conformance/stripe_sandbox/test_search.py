"""Search as docs.stripe.com/search has it, by stripe-python; and the other ways of asking that older clients use."""

import time

import pytest
import stripe

from tests.conformance.stripe_sandbox.running import Running

PAID = {"confirm": True, "payment_method": "pm_card_visa", "return_url": "https://example.com"}


def found(client: stripe.StripeClient, query: str) -> list[str]:
    return sorted(row.name or "" for row in client.v1.customers.search({"query": query, "limit": 100}).data)


def test_customers_are_found_by_what_they_are(client: stripe.StripeClient) -> None:
    for number, name in enumerate(["Ada", "Adam", "Bea"]):
        email = f"{name.lower()}@example.com"
        client.v1.customers.create(
            {"name": name, "email": email, "metadata": {"order id": f"{number}", "odd": "a'\"b"}}
        )
    assert found(client, "email:'ADA@example.com'") == ["Ada"]
    assert found(client, 'name~"ada"') == ["Ada", "Adam"]
    assert found(client, '-name~"ada"') == ["Bea"]
    assert found(client, "metadata['order id']:'2' OR name:'Ada'") == ["Ada", "Bea"]
    assert found(client, "name~'ada' AND metadata['order id']:'1'") == ["Adam"]
    assert found(client, "name~'ada' metadata['order id']:'1'") == ["Adam"]
    assert found(client, r"""metadata["odd"]:"a'\"b" """) == ["Ada", "Adam", "Bea"]
    assert found(client, "metadata['none']:null") == ["Ada", "Adam", "Bea"]
    assert found(client, "-phone:null") == []
    assert found(client, f"created>{int(time.time()) + 60}") == []


def test_pages_of_a_search_are_walked(client: stripe.StripeClient) -> None:
    made = [client.v1.customers.create({"name": "Page"}).id for _ in range(5)]
    asked = {"query": "name:'Page'", "limit": 2}
    first = client.v1.customers.search({**asked, "expand": ["total_count"]})  # type: ignore[typeddict-item]
    assert (first.has_more, *(first.to_dict()[name] for name in ("total_count", "url"))) == (
        True,
        5,
        "/v1/customers/search",
    )
    walked = [row.id for row in client.v1.customers.search(asked).auto_paging_iter()]  # type: ignore[arg-type]
    assert walked == made[::-1]
    client.v1.customers.delete(made[0])
    assert len(client.v1.customers.search({"query": "name:'Page'"}).data) == 4
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.customers.search({"query": "name:'Page'", "page": "nowhere"})
    assert refusal.value.param == "page"


def test_payments_are_found_by_size_and_card(client: stripe.StripeClient) -> None:
    intents = [
        client.v1.payment_intents.create({"amount": amount, "currency": "usd", "metadata": {"a": "b"}, **PAID})  # type: ignore[typeddict-item]
        for amount in (1000, 2000)
    ]
    query = "amount>1500 AND metadata['a']:'b' AND status:'succeeded'"
    assert [row.id for row in client.v1.payment_intents.search({"query": query}).data] == [intents[1].id]
    query = "payment_method_details.card.last4:'4242' AND amount:1000 AND refunded:'false'"
    charges = client.v1.charges.search({"query": query, "expand": ["data.payment_intent"]}).data
    assert [getattr(row.payment_intent, "id", None) for row in charges] == [intents[0].id]
    product = client.v1.products.create({"name": "Chair", "metadata": {"sku": "9"}})
    price = client.v1.prices.create({"product": product.id, "currency": "usd", "unit_amount": 5, "lookup_key": "chair"})
    assert client.v1.products.search({"query": "active:'true' AND metadata['sku']:'9'"}).data[0].id == product.id
    assert client.v1.prices.search({"query": "lookup_key:'chair'"}).data[0].id == price.id
    invoice = client.v1.invoices.create({"customer": client.v1.customers.create().id})
    assert client.v1.invoices.search({"query": "status:'draft' AND total<=0"}).data[0].id == invoice.id


@pytest.mark.parametrize(
    "query",
    [
        "name",
        "name:Ada",
        "foo:'x'",
        "amount:5",
        "name:'a' AND name:'b' OR name:'c'",
        "name~'ab'",
        "created:'x'",
        "name>'a'",
        "(name:'a')",
        "metadata:'a'",
        " ".join(["name:'a'"] * 11),
    ],
)
def test_queries_that_cannot_be(client: stripe.StripeClient, query: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.customers.search({"query": query})
    assert (refusal.value.http_status, refusal.value.param) == (400, "query")


def test_older_versions_take_types_of_payment_methods(sandbox: Running) -> None:
    form = {"amount": "1000", "currency": "usd", "payment_method_types[0]": "card", "payment_method": "pm_card_visa"}
    old = {"Stripe-Version": "2024-06-20"}
    answer = sandbox.http.post("/v1/payment_intents", data=form | {"confirm": "true"}, headers=old)
    body = answer.json()
    assert (answer.status_code, body["status"], body["payment_method_types"]) == (200, "succeeded", ["card"])
    assert body["automatic_payment_methods"] is None
    both = form | {"automatic_payment_methods[enabled]": "true"}
    assert sandbox.http.post("/v1/payment_intents", data=both, headers=old).json()["error"]["param"]
    unknown = form | {"payment_method_types[0]": "shells"}
    assert sandbox.http.post("/v1/payment_intents", data=unknown, headers=old).status_code == 400
    now = sandbox.http.post("/v1/payment_intents", data=form)
    assert now.json()["error"]["code"] == "payment_method_types_no_longer_supported"


def test_a_charge_is_captured_by_its_own_name(client: stripe.StripeClient) -> None:
    held = client.v1.payment_intents.create(
        {"amount": 1000, "currency": "usd", "capture_method": "manual", **PAID}  # type: ignore[typeddict-item]
    )
    charge = client.v1.charges.capture(str(held.latest_charge), {"amount": 400})
    assert (charge.captured, charge.amount_captured) == (True, 400)
    assert client.v1.payment_intents.retrieve(held.id).amount_received == 400
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.charges.capture(charge.id)
    assert refusal.value.code == "charge_already_captured"


def test_payouts_by_day_of_arrival_and_what_a_customer_could_have(
    client: stripe.StripeClient, sandbox: Running
) -> None:
    card = PAID | {"payment_method": "pm_card_bypassPending"}
    client.v1.payment_intents.create({"amount": 9000, "currency": "usd", **card})  # type: ignore[typeddict-item]
    sandbox.flush()
    payout = client.v1.payouts.create({"amount": 1000, "currency": "usd"})
    listed = client.v1.payouts.list
    assert [row.id for row in listed({"arrival_date": {"gte": payout.arrival_date}}).data] == [payout.id]
    assert listed({"arrival_date": {"gt": payout.arrival_date}}).data == []
    made = client.v1.customers.create()
    whole = client.v1.customers.retrieve(made.id, {"expand": ["sources", "subscriptions", "tax_ids"]}).to_dict()
    assert [whole[name]["data"] for name in ("sources", "subscriptions", "tax_ids")] == [[], [], []]
