"""Writing records: what is sent, and what Salesforce says of each, alone or several writes in one call.

Source: "Use sObject Collections" and "Composite" of the REST API Developer Guide: 200 records in a collection, five
collections in a composite request, which counts as one call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from service.clients.salesforce._errors import classify, unreadable
from service.errors import VendorError

MAX_RECORDS = 200
MAX_WRITES = 5


@dataclass(frozen=True, slots=True)
class RecordResult:
    """What became of one record of a call.

    Attributes:
        success: whether Salesforce holds the record as sent.
        id: its 18-character id, when it was written.
        created: the record is new.
        error: what went wrong, classified; None on success.
    """

    success: bool
    id: str | None
    created: bool
    error: VendorError | None


Outcome = list[RecordResult] | VendorError


@dataclass(frozen=True, slots=True)
class Write:
    """Up to 200 records of one object: an upsert by `key_field`, or an update by "id" when it is None."""

    sobject: str
    key_field: str | None
    records: Sequence[dict[str, Any]]

    def body(self) -> dict[str, Any]:
        """Return the request's body; each record stands for itself."""
        return {
            "allOrNone": False,
            "records": [{"attributes": {"type": self.sobject}, **record} for record in self.records],
        }

    def read(self, entries: Any) -> list[RecordResult]:
        """Return the results in the order sent.

        Raises:
            VendorUnavailable: the answer does not have the documented shape.
        """
        if not isinstance(entries, list) or len(entries) != len(self.records):
            raise unreadable("write")
        return [_result(entry, self.key_field) for entry in entries]


def path_of(write: Write) -> str:
    """Return the address of a write, below the version."""
    if write.key_field is None:
        return "composite/sobjects"
    return f"composite/sobjects/{quote(write.sobject, safe='')}/{quote(write.key_field, safe='')}"


def composite(writes: Sequence[Write], version: str) -> dict[str, Any]:
    """Return the body of one call with several writes."""
    if not 1 <= len(writes) <= MAX_WRITES or any(len(write.records) > MAX_RECORDS for write in writes):
        raise ValueError(f"a call takes at most {MAX_WRITES} writes of {MAX_RECORDS} records")
    return {
        "allOrNone": False,
        "compositeRequest": [
            {
                "method": "PATCH",
                "url": f"/services/data/v{version}/{path_of(write)}",
                "referenceId": f"write{number}",
                "body": write.body(),
            }
            for number, write in enumerate(writes)
        ],
    }


def results(answer: Any, writes: Sequence[Write]) -> list[Outcome]:
    """Return what became of each write of a composite call.

    Raises:
        VendorUnavailable: the answer does not have the documented shape.
    """
    entries = answer.get("compositeResponse") if isinstance(answer, dict) else None
    by_name = {entry.get("referenceId"): entry for entry in entries or () if isinstance(entry, dict)}
    if len(by_name) != len(writes):
        raise unreadable("composite")
    return [_outcome(by_name.get(f"write{number}", {}), write) for number, write in enumerate(writes)]


def _outcome(entry: dict[str, Any], write: Write) -> Outcome:
    status, body = entry.get("httpStatusCode"), entry.get("body")
    if status != HTTPStatus.OK:
        return classify(body, status=status if isinstance(status, int) else None, key_field=write.key_field)
    try:
        return write.read(body)
    except VendorError as error:
        return error


def _result(entry: Any, key_field: str | None) -> RecordResult:
    if not isinstance(entry, dict) or not isinstance(entry.get("success"), bool):
        return RecordResult(success=False, id=None, created=False, error=unreadable("record result"))
    if entry["success"]:
        return RecordResult(success=True, id=entry.get("id"), created=entry.get("created") is True, error=None)
    error = classify(entry.get("errors"), key_field=key_field)
    return RecordResult(success=False, id=entry.get("id"), created=False, error=error)
