"""What anyone can see from outside: Salesforce over REST, the sandbox's own logs, the service over gRPC.

Official clients and plain HTTP; nothing here reads the service's database or imports its code, apart from the stubs
generated of its published contract.
"""

import json
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import grpc
import httpx

from service.gen.counterfoil.v1 import payment_pb2, payments_service_pb2, payments_service_pb2_grpc

API = "/services/data/v66.0"
TOPIC_OBJECT = "Payment_Request__e"
Row = dict[str, Any]
_T = TypeVar("_T")
_PAUSE_SECONDS = 0.01
_SECONDS = 20.0
# Objects that only Counterfoil writes, and what makes a record of Salesforce's new in every answer.
RECORDS = ("Payment__c", "Charge__c", "Balance_Transaction__c")


class NotAsTold(Exception):
    """Something did not come about as the story says; the text is for a person."""


def wait_for(what: str, look: Callable[[], _T | None], *, seconds: float = _SECONDS) -> _T:
    """Return the first thing `look` finds.

    Raises:
        NotAsTold: it found nothing within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise NotAsTold(f"{what}: not seen within {seconds:g} seconds")
        time.sleep(_PAUSE_SECONDS)


class Salesforce:
    """One user of the org, signed in; numbers come as Decimal."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        context = ssl.create_default_context(cafile=facts["ca_file"])
        self._http = httpx.Client(base_url=facts["url"], verify=context, trust_env=False, timeout=30)
        form = {"grant_type": "client_credentials"}
        form |= {"client_id": facts["client_id"], "client_secret": facts["client_secret"]}
        self.token = str(self._http.post("/services/oauth2/token", data=form).raise_for_status().json()["access_token"])
        self._http.headers["Authorization"] = f"Bearer {self.token}"

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def query(self, soql: str) -> list[Row]:
        """Return all records of a query, without their `attributes`."""
        records: list[Row] = []
        answer = self._http.get(f"{API}/query", params={"q": soql}).raise_for_status()
        while True:
            page = json.loads(answer.content, parse_float=Decimal)
            records += page["records"]
            if page["done"]:
                break
            answer = self._http.get(page["nextRecordsUrl"]).raise_for_status()
        return [{name: value for name, value in record.items() if name != "attributes"} for record in records]

    def opportunity(self, name: str) -> Row:
        """Return the opportunity of a name, with the name of its account."""
        fields = "Id, Name, Amount, CurrencyIsoCode, StageName, AccountId, Account.Name"
        return self.query(f"SELECT {fields} FROM Opportunity WHERE Name = '{name}'")[0]  # noqa: S608  (a constant)

    def get(self, sobject: str, record_id: str) -> Row:
        """Return a whole record."""
        answer = self._http.get(f"{API}/sobjects/{sobject}/{record_id}").raise_for_status()
        record: Row = json.loads(answer.content, parse_float=Decimal)
        record.pop("attributes", None)
        return record

    def change(self, sobject: str, record_id: str, **fields: Any) -> None:
        """Edit a record, as a person does on its page."""
        self._http.patch(f"{API}/sobjects/{sobject}/{record_id}", json=fields).raise_for_status()

    def create(self, sobject: str, **fields: Any) -> Row:
        """Create a record, or publish a platform event; return what REST answers."""
        answer: Row = self._http.post(f"{API}/sobjects/{sobject}", json=fields).raise_for_status().json()
        return answer

    def win(self, record_id: str) -> None:
        """Close an opportunity as won; the org's Flow asks for its payment."""
        self.change("Opportunity", record_id, StageName="Closed Won")

    def request_payment(self, record_id: str, method: str, **fields: Any) -> str:
        """Publish a Payment_Request__e; return the event's UUID."""
        wish = {"Operation__c": "create_payment", "Record_Id__c": record_id, "Method__c": method, **fields}
        return str(self.create(TOPIC_OBJECT, **wish)["errors"][0]["message"])

    def payments_of(self, record_id: str) -> dict[str, list[Row]]:
        """Return every record Counterfoil keeps of an Opportunity's or Order's payments, by object."""
        found: dict[str, list[Row]] = {}
        payments = self.query("SELECT FIELDS(ALL) FROM Payment__c ORDER BY Name LIMIT 200")
        found["Payment__c"] = [row for row in payments if record_id in (row["Opportunity__c"], row["Order__c"])]
        owners = {row["Id"] for row in found["Payment__c"]}
        for sobject in RECORDS[1:]:
            rows = self.query(f"SELECT FIELDS(ALL) FROM {sobject} ORDER BY Name LIMIT 200")  # noqa: S608  (a constant)
            found[sobject] = [row for row in rows if row["Payment__c"] in owners]
        return found


class Control:
    """The sandbox's control plane: what it was asked for, what it sent, and how it is to misbehave."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30)

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def post(self, path: str, /, **body: Any) -> Any:
        """Ask for something."""
        return self._http.post(path, json=body).raise_for_status().json()

    def clear(self, path: str) -> None:
        """Forget the faults under a path."""
        self._http.delete(path).raise_for_status()

    def get(self, path: str) -> Any:
        """Read something."""
        return self._http.get(path).raise_for_status().json()

    def deliveries(self) -> list[Row]:
        """Return the webhooks sent so far, oldest first, each with the answer it got."""
        return list(self.get("/stripe/webhooks")["deliveries"])

    def created_at_stripe(self, path: str) -> list[Row]:
        """Return the requests that made something under a path of Stripe's, oldest first."""
        requests = self.get("/stripe/requests")["requests"]
        made = [row for row in requests if (row["method"], row["path"]) == ("POST", path)]
        return [row for row in made if row["executed"] and not row["replayed"]]

    def asked_of_salesforce(self) -> list[Row]:
        """Return what Counterfoil asked of Salesforce so far, oldest first."""
        requests = self.get("/salesforce/requests")["requests"]
        return [row for row in requests if row["client"] == "Counterfoil"]

    def writes(self) -> list[Row]:
        """Return Counterfoil's writes to Salesforce so far, oldest first."""
        return [row for row in self.asked_of_salesforce() if row["method"] in ("PATCH", "POST")]

    def calm(self, seconds: float = 0.5) -> None:
        """Wait until no webhook is under way and Counterfoil has written nothing for `seconds`.

        Raises:
            NotAsTold: it did not become calm.
        """
        last, since = -1, time.monotonic()

        def look() -> bool:
            nonlocal last, since
            now = len(self.writes())
            if now != last or not self.post("/stripe/webhooks/flush")["idle"]:
                last, since = now, time.monotonic()
            return time.monotonic() - since >= seconds

        wait_for("an end of all deliveries and writes", look)


class Payments:
    """The service's gRPC API."""

    def __init__(self, address: str, entity: str) -> None:
        self._channel = grpc.insecure_channel(address)
        self._stub = payments_service_pb2_grpc.PaymentsServiceStub(self._channel)
        self._entity = entity

    def close(self) -> None:
        """Hang up."""
        self._channel.close()

    def of_record(self, record_id: str) -> list[payment_pb2.Payment]:
        """Return the payments of a record, newest first."""
        request = payments_service_pb2.ListPaymentsRequest(entity=self._entity, record_id=record_id)
        return list(self._stub.ListPayments(request, timeout=10).payments)

    def get(self, payment_id: str) -> payment_pb2.Payment:
        """Return one payment by its id."""
        request = payments_service_pb2.GetPaymentRequest(entity=self._entity, payment_id=payment_id)
        payment: payment_pb2.Payment = self._stub.GetPayment(request, timeout=10).payment
        return payment

    def create_hosted(self, record_id: str, version: str = "1") -> tuple[payment_pb2.Payment, bool]:
        """Ask for a payment page; return the payment, and whether it had been asked for before."""
        page = payments_service_pb2.HostedCheckout()
        request = payments_service_pb2.CreatePaymentRequest(
            entity=self._entity, record_id=record_id, hosted_checkout=page, version=version
        )
        answer = self._stub.CreatePayment(request, timeout=20)
        return answer.payment, bool(answer.replayed)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield field, old and new value of every difference."""
    for name in after:
        if before.get(name) != after[name]:
            yield name, before.get(name), after[name]


def salesforce_time(value: str) -> datetime:
    """Return a moment as Salesforce's REST API writes it."""
    return datetime.strptime(re.sub(r"\+0000$", "", value), "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC)
