"""Bulk API 2.0 ingest: one job for many records of one object, a CSV file in, three CSV files out.

Stateless: whoever calls keeps the job's id and asks again. A completed job may hold failed rows; that is its normal
end. An empty cell leaves a field alone, `#N/A` empties it. Source: "Bulk API 2.0 Ingest" in the Bulk API 2.0 and Bulk
API Developer Guide.
"""

import csv
import io
from collections.abc import Awaitable, Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

import orjson

from service.clients.salesforce._errors import classify, unreadable
from service.clients.salesforce._writes import RecordResult

_JSON, _CSV = "application/json", "text/csv; charset=UTF-8"
_EMPTY = "#N/A"
_TRUE = "true"


class BulkState(StrEnum):
    """Where a job stands, in Salesforce's words."""

    OPEN = "Open"  # takes its data; leaves by `complete` or `abort`
    UPLOAD_COMPLETE = "UploadComplete"  # queued
    IN_PROGRESS = "InProgress"  # being carried out
    JOB_COMPLETE = "JobComplete"  # every row has its result
    ABORTED = "Aborted"  # ended by somebody: rows may have been written
    FAILED = "Failed"  # ended by Salesforce: rows may have been written

    @property
    def is_final(self) -> bool:
        """Whether the job will not change any more."""
        return self in {BulkState.JOB_COMPLETE, BulkState.ABORTED, BulkState.FAILED}


class Exchange(Protocol):
    """One call whose body and answer need not be JSON."""

    def __call__(
        self, operation: str, sobject: str, method: str, path: str, *, data: bytes | None, content: str, accept: str
    ) -> Awaitable[str]:
        """Make the call; return the answer's text."""


class BulkIngest:
    """The jobs of one org. Every method is one call, `results` three; errors as of `SalesforceApi`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def create(self, sobject: str, key_field: str) -> str:
        """Open a job that upserts by an external id; return its id."""
        body = {
            "object": sobject,
            "externalIdFieldName": key_field,
            "operation": "upsert",
            "contentType": "CSV",
            "lineEnding": "LF",
        }
        return str((await self._json("POST", "jobs/ingest", body, sobject))["id"])

    async def upload(self, job: str, records: Sequence[dict[str, Any]]) -> None:
        """Give an open job its records; possible once."""
        await self._exchange(
            "bulk", "", "PUT", f"jobs/ingest/{job}/batches", data=to_csv(records), content=_CSV, accept=_JSON
        )

    async def complete(self, job: str) -> None:
        """Let Salesforce begin."""
        await self._json("PATCH", f"jobs/ingest/{job}", {"state": BulkState.UPLOAD_COMPLETE})

    async def abort(self, job: str) -> None:
        """Give a job up."""
        await self._json("PATCH", f"jobs/ingest/{job}", {"state": BulkState.ABORTED})

    async def state(self, job: str) -> BulkState:
        """Return where a job stands."""
        try:
            return BulkState(str((await self._json("GET", f"jobs/ingest/{job}", None)).get("state")))
        except ValueError:
            raise unreadable("bulk job") from None

    async def results(self, job: str, key_field: str) -> dict[str, RecordResult]:
        """Return what became of each row of a job that ended, by its external id; rows not processed are not in it."""
        found: dict[str, RecordResult] = {}
        for row in await self._rows(f"jobs/ingest/{job}/successfulResults"):
            created = row.get("sf__Created", "").lower() == _TRUE
            found[row[key_field]] = RecordResult(success=True, id=row.get("sf__Id"), created=created, error=None)
        for row in await self._rows(f"jobs/ingest/{job}/failedResults"):
            # Code, message and fields in one text, with colons between.
            code, _, message = row.get("sf__Error", "").partition(":")
            error = classify([{"statusCode": code, "message": message}], key_field=key_field)
            found[row[key_field]] = RecordResult(success=False, id=None, created=False, error=error)
        return found

    async def _rows(self, path: str) -> list[dict[str, str]]:
        text = await self._exchange("bulk", "", "GET", path, data=None, content=_JSON, accept=_CSV)
        return list(csv.DictReader(io.StringIO(text, newline="")))

    async def _json(self, method: str, path: str, body: dict[str, Any] | None, sobject: str = "") -> dict[str, Any]:
        data = None if body is None else orjson.dumps(body)
        text = await self._exchange("bulk", sobject, method, path, data=data, content=_JSON, accept=_JSON)
        try:
            answer = orjson.loads(text)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise unreadable("bulk job")
        return answer


def to_csv(records: Sequence[dict[str, Any]]) -> bytes:
    """Return records as a job takes them: a lookup by external id is the column `Payment__r.Stripe_Id__c`."""
    rows = [dict(_cells(record)) for record in records]
    columns = sorted({column for row in rows for column in row})
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _cells(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in record.items():
        match value:
            case dict():
                ((key, parent),) = value.items()
                yield f"{name}.{key}", str(parent)
            case None:
                yield name, _EMPTY
            case bool():
                yield name, str(value).lower()
            case Decimal():
                yield name, format(value, "f")
            case _:
                yield name, str(value) or _EMPTY
