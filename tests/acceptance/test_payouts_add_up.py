"""Payouts as finance sees them in Salesforce: what is in each, and that it adds up, or by how much it does not."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from deploy.demo.cast import Cast
from deploy.demo.outside import Row
from tests.support.stage import dead_letters, drain, staged

AT_ONCE = "pm_card_bypassPending"
PAYOUT = (
    "SELECT Id, Status__c, Stripe_Status__c, Amount__c, Currency_Code__c, Automatic__c, Method__c, Reconciliation__c, "
    "Difference__c, Gross__c, Fees__c, Refunds__c, Disputes__c, Adjustments__c, Net__c, Transaction_Count__c, "
    "Failure_Code__c, Failure_Message__c, Trace_Id__c, Reversed_By__c, Entity__c, Allocation_Rule__c, "
    "Allocation_Limits__c "
    "FROM Payout__c WHERE Stripe_Id__c = '{}'"
)
LINES = "SELECT Category__c, Count__c, Gross__c, Fee__c, Net__c FROM Payout_Line__c WHERE Payout__r.Stripe_Id__c = '{}'"
LINKED = "SELECT Type__c, Net__c FROM Balance_Transaction__c WHERE Payout__r.Stripe_Id__c = '{}'"


@pytest.fixture
def cast(postgres_url: str) -> Iterator[Cast]:
    """A stack of its own: a payout takes all that is in the balance, whoever put it there."""
    with staged(postgres_url) as cast:
        yield cast
        assert dead_letters(cast) == 0


def pay(cast: Cast, amount: int, card: str = AT_ONCE, currency: str = "usd") -> str:
    """Take a payment in Stripe; return its charge when Stripe has settled it."""
    intent = cast.stripe.v1.payment_intents.create(
        {
            "amount": amount,
            "currency": currency,
            "payment_method": card,
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    cast.control.post("/stripe/webhooks/flush")
    return str(intent.latest_charge)


def run(cast: Cast, **more: Any) -> str:
    return str(cast.control.post("/stripe/payouts/run", currency="usd", **more)["id"])


def payout(cast: Cast, payout_id: str, *, seconds: float = 20, **wanted: Any) -> Row:
    """Return a Payout__c as soon as its fields are as wanted and nothing is left to do."""

    def look() -> Row | None:
        found = cast.salesforce.query(PAYOUT.format(payout_id))
        right = found and all(found[0][f"{name}__c"] == value for name, value in wanted.items())
        return found[0] if right else None

    cast.wait(f"{payout_id} as {wanted}", look, seconds=seconds)
    drain(cast)
    found = look()
    assert found is not None
    return found


def lines(cast: Cast, payout_id: str) -> dict[str, tuple[Any, ...]]:
    """Return the lines of a payout's statement: count, gross, fee and net by category."""
    rows = cast.salesforce.query(LINES.format(payout_id))
    return {row["Category__c"]: (row["Count__c"], row["Gross__c"], row["Fee__c"], row["Net__c"]) for row in rows}


def linked(cast: Cast, payout_id: str) -> list[tuple[str, Any]]:
    """Return type and net of the balance transactions that Salesforce links with a payout."""
    rows = cast.salesforce.query(LINKED.format(payout_id))
    return sorted((row["Type__c"], row["Net__c"]) for row in rows)


def money(row: Row) -> dict[str, Any]:
    names = ("Gross", "Refunds", "Disputes", "Adjustments", "Fees", "Net", "Amount", "Difference")
    return {name: row[f"{name}__c"] for name in names if row[f"{name}__c"]}


def test_an_automatic_payout_adds_up_to_the_cent_with_a_fee_a_refund_and_a_dispute_inside(cast: Cast) -> None:
    pay(cast, 10_000)
    refunded = pay(cast, 20_000)
    cast.stripe.v1.refunds.create({"charge": refunded, "amount": 5_000})
    pay(cast, 30_000, "pm_card_createDispute")
    pay(cast, 40_000, currency="eur")
    cast.control.post("/stripe/balance/adjust", type="stripe_fee", amount=-250)
    cast.control.post("/stripe/balance/adjust", type="adjustment", amount=77, reporting_category="other_adjustment")
    cast.control.post("/stripe/webhooks/flush")
    payout_id = run(cast, settle=True)
    told = payout(cast, payout_id, Reconciliation="Balanced", Status="Paid")
    rows = cast.stripe.v1.balance_transactions.list({"payout": payout_id, "limit": 100}).data
    others = [row for row in rows if row.type != "payout"]
    assert told["Amount__c"] == Decimal(sum(row.net for row in others)) / 100
    gross = Decimal(sum(row.amount for row in others if row.type == "charge")) / 100
    fees = Decimal(sum(row.fee for row in others) + 250) / 100
    assert money(told) == {
        "Gross": gross, "Refunds": -50, "Disputes": -300, "Adjustments": Decimal("0.77"), "Fees": fees,
        "Net": told["Amount__c"], "Amount": told["Amount__c"],
    }  # fmt: skip
    assert (told["Difference__c"], told["Transaction_Count__c"]) == (0, 8)
    assert (told["Automatic__c"], told["Method__c"], told["Entity__c"]) == (True, "standard", "acme")
    by_category = lines(cast, payout_id)
    assert set(by_category) == {"charge", "refund", "dispute", "fee", "other_adjustment"}
    assert by_category["fee"] == (1, Decimal("-2.5"), 0, Decimal("-2.5"))
    assert by_category["dispute"] == (1, -300, 15, -315)
    assert sum(line[3] for line in by_category.values()) == told["Amount__c"]
    assert linked(cast, payout_id) == sorted((row.type, Decimal(row.net) / 100) for row in rows)


def test_a_fee_of_stripes_own_is_recorded_without_a_charge(cast: Cast) -> None:
    pay(cast, 10_000)
    cast.control.post("/stripe/balance/adjust", type="stripe_fee", amount=-250)
    payout_id = run(cast)
    payout(cast, payout_id, Reconciliation="Balanced")
    [fee] = cast.salesforce.query(
        "SELECT Charge__c, Payment__c, Net__c, Reporting_Category__c, Payout__r.Stripe_Id__c "
        "FROM Balance_Transaction__c WHERE Type__c = 'stripe_fee'"
    )
    assert (fee["Charge__c"], fee["Payment__c"], fee["Net__c"]) == (None, None, Decimal("-2.5"))
    assert (fee["Reporting_Category__c"], fee["Payout__r"]["Stripe_Id__c"]) == ("fee", payout_id)


def test_a_payout_that_fails_after_it_was_paid_is_failed_and_its_money_is_in_the_next(cast: Cast) -> None:
    pay(cast, 10_000)
    first = run(cast)
    before = payout(cast, first, Reconciliation="Balanced", Status="Paid")
    cast.control.post(f"/stripe/payouts/{first}/fail", code="account_closed")
    after = payout(cast, first, Status="Failed")
    assert (after["Failure_Code__c"], after["Failure_Message__c"]) == (
        "account_closed", "The bank account has been closed.",
    )  # fmt: skip
    assert (after["Reconciliation__c"], money(after)) == ("Balanced", money(before))
    second = run(cast)
    again = payout(cast, second, Reconciliation="Balanced", Status="Paid")
    assert (again["Amount__c"], again["Adjustments__c"]) == (before["Amount__c"], before["Amount__c"])
    assert lines(cast, second) == {"payout_reversal": (1, before["Amount__c"], 0, before["Amount__c"])}
    assert [kind for kind, _ in linked(cast, first)] == ["charge", "payout"]
    assert [kind for kind, _ in linked(cast, second)] == ["payout", "payout_failure"]


def test_a_negative_balance_is_a_negative_payout_that_adds_up(cast: Cast) -> None:
    cast.control.post("/stripe/balance/adjust", type="stripe_fee", amount=-1500)
    told = payout(cast, run(cast), Reconciliation="Balanced", Status="Paid")
    assert money(told) == {"Fees": 15, "Net": -15, "Amount": -15}


def test_a_manual_payout_is_allocated_the_oldest_first_and_labelled_so(cast: Cast) -> None:
    older, newer = pay(cast, 10_000), pay(cast, 20_000)
    first = cast.stripe.v1.payouts.create({"amount": 15_000, "currency": "usd"}).id
    told = payout(cast, first, Reconciliation="Allocated", Status="Paid")
    assert (told["Automatic__c"], told["Net__c"], told["Difference__c"]) == (False, 150, 0)
    assert told["Allocation_Rule__c"] == "Allocated: first available, first paid out"
    assert told["Allocation_Limits__c"] == "Movements of more than 180 days before are not considered"
    shown = command(cast, "payouts", "show", first)
    assert told["Allocation_Rule__c"] in shown
    assert told["Allocation_Limits__c"] in shown
    assert (told["Transaction_Count__c"], told["Fees__c"]) == (2, Decimal("9.30"))  # a fee goes with the first part
    second = cast.stripe.v1.payouts.create({"amount": 14_000, "currency": "usd"}).id
    rest = payout(cast, second, Reconciliation="Allocated", Status="Paid")
    assert (rest["Transaction_Count__c"], rest["Fees__c"], rest["Net__c"]) == (1, 0, 140)
    links = {
        row["Charge__r"]["Stripe_Id__c"]: row["Payout__r"]["Stripe_Id__c"]
        for row in cast.salesforce.query(
            "SELECT Charge__r.Stripe_Id__c, Payout__r.Stripe_Id__c FROM Balance_Transaction__c WHERE Type__c = 'charge'"
        )
    }
    assert links == {older: first, newer: second}


def test_an_instant_payouts_own_fee_is_in_its_statement(cast: Cast) -> None:
    pay(cast, 50_000)
    made = cast.stripe.v1.payouts.create({"amount": 20_000, "currency": "usd", "method": "instant"}).id
    told = payout(cast, made, Reconciliation="Allocated", Status="Paid")
    assert (told["Method__c"], told["Net__c"], told["Amount__c"]) == ("instant", 200, 200)
    assert lines(cast, made)["payout"] == (0, 0, 2, -2)


def test_a_reversed_payout_names_the_one_that_took_it_back(cast: Cast) -> None:
    pay(cast, 50_000)
    made = cast.stripe.v1.payouts.create({"amount": 20_000, "currency": "usd"}).id
    payout(cast, made, Status="Paid")
    reversal = cast.stripe.v1.payouts.reverse(made).id
    payout(cast, made, Reversed_By=reversal)
    back = payout(cast, reversal, Status="Paid")
    assert (back["Amount__c"], back["Reconciliation__c"], back["Net__c"]) == (-200, "Not_Applicable", None)


def test_a_difference_heals_when_stripes_list_is_whole(cast: Cast) -> None:
    cast.control.post("/stripe/settings", payout_list_lacks=1)
    pay(cast, 10_000)
    pay(cast, 20_000)
    payout_id = run(cast)

    def look() -> Row | None:
        found = cast.salesforce.query(PAYOUT.format(payout_id))
        return found[0] if found and found[0]["Reconciliation__c"] == "Difference" else None

    told = cast.wait("the difference", look)
    assert told["Difference__c"] > 0
    assert told["Difference__c"] + told["Net__c"] == told["Amount__c"]
    listed = list(csv.DictReader(io.StringIO(command(cast, "payouts", "list", "--csv"))))
    assert [(row["payout"], row["reconciliation"], row["tries"]) for row in listed] == [(payout_id, "Difference", "1")]
    assert listed[0]["next_try"]
    cast.control.post("/stripe/settings", payout_list_lacks=0)
    healed = payout(cast, payout_id, seconds=90, Reconciliation="Balanced")
    assert (healed["Difference__c"], healed["Allocation_Rule__c"]) == (0, "Listed by Stripe")
    assert [kind for kind, _ in linked(cast, payout_id)] == ["charge", "charge", "payout"]


def test_a_trace_id_is_found_although_no_event_tells_it(cast: Cast) -> None:
    cast.control.post("/stripe/settings", payout_trace_delay_ms=2000)
    pay(cast, 10_000)
    payout_id = run(cast)
    created = cast.stripe.v1.payouts.retrieve(payout_id).created
    payout(cast, payout_id, Reconciliation="Balanced", Trace_Id=f"{created:016d}")
    told = [event["data"]["object"] for event in cast.stripe_events() if event["type"].startswith("payout.")]
    assert told
    assert {body["trace_id"]["value"] for body in told} == {None}


def command(cast: Cast, *arguments: str, code: int = 0) -> str:
    """Run `counterfoil` on the configuration and the database of the running service."""
    folder = cast.stack.folder
    environment = cast.stack.service_environment(config=folder / "counterfoil.yaml", ready=folder / "none.json")
    ran = subprocess.run(
        [sys.executable, "-m", "service", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == code, ran.stderr
    return ran.stdout if code == 0 else ran.stderr


def test_finance_reads_the_same_statement_here(cast: Cast) -> None:
    pay(cast, 10_000)
    cast.control.post("/stripe/balance/adjust", type="stripe_fee", amount=-250)
    payout_id = run(cast)
    told = payout(cast, payout_id, Reconciliation="Balanced", Status="Paid")
    shown = json.loads(command(cast, "payouts", "show", payout_id, "--json"))
    for name in ("amount", "gross", "fees", "net", "difference", "refunds", "disputes", "adjustments"):
        assert Decimal(shown[name]) == told[f"{name.capitalize()}__c"], name
    assert {line["category"]: Decimal(line["net"]) for line in shown["lines"]} == {
        name: line[3] for name, line in lines(cast, payout_id).items()
    }
    rows = list(csv.DictReader(io.StringIO(command(cast, "payouts", "show", payout_id, "--csv"))))
    assert sum(Decimal(row["net"]) for row in rows) == 0  # its own row takes out what the others brought in
    assert sorted(Decimal(row["net"]) for row in rows) == [
        net for _, net in sorted(linked(cast, payout_id), key=second)
    ]
    table = command(cast, "payouts", "show", payout_id)
    assert all(word in table for word in (payout_id, "Balanced", "charge", "fee", str(told["Amount__c"])))
    [listed] = json.loads(command(cast, "payouts", "list", "--json", "--reconciliation", "Balanced"))
    assert listed["payout"] == payout_id
    assert json.loads(command(cast, "payouts", "list", "--json", "--reconciliation", "Difference")) == []
    assert payout_id in command(cast, "payouts", "list")
    assert "'po_unknown' is not known here" in command(cast, "payouts", "show", "po_unknown", code=64)


def second(pair: tuple[str, Any]) -> Any:
    return pair[1]


def test_what_stripe_still_owes_is_listed_here(cast: Cast) -> None:
    cast.control.post("/stripe/settings", payout_reconciliation_delay_ms=600_000, payout_trace_delay_ms=600_000)
    pay(cast, 10_000)
    payout_id = run(cast)

    def look() -> dict[str, Any] | None:
        told = json.loads(command(cast, "facts", "--json"))
        return told if {fact["fact"] for fact in told["facts"]} == {"reconciliation", "trace_id"} else None

    told = cast.wait("the pending facts", look)
    assert (told["pending"], told["overdue"]) == (2, 0)
    assert {fact["object"] for fact in told["facts"]} == {payout_id}
    assert "2 pending, 0 overdue" in command(cast, "facts")
    assert json.loads(command(cast, "facts", "--overdue", "--json"))["facts"] == []
