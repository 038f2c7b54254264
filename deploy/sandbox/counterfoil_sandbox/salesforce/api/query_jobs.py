"""Bulk API 2.0 query: a query is run as a job, and its records are fetched as CSV, part by part.

After "Bulk API 2.0 Query" of the Bulk API 2.0 Developer Guide. The records are those of the moment of the request; the
first look at a job finds it InProgress, the next one JobComplete.
"""

import csv
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from counterfoil_sandbox.salesforce.api.call import Answer, Call
from counterfoil_sandbox.salesforce.errors import ApiError, not_found
from counterfoil_sandbox.salesforce.org import Org
from counterfoil_sandbox.salesforce.soql import parse, run_query
from counterfoil_sandbox.salesforce.soql.aggregate import is_aggregate
from counterfoil_sandbox.salesforce.soql.ast import FieldsFunction, Function, Path, Query

DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
_KEY_PREFIX = "750"
_NO_CONTENT = 204
_UNSUPPORTED = "Aggregate Relationships not supported in Bulk V2 Query with CSV content type"


@dataclass
class QueryJob:
    """One query and what it found, a line of text for each record."""

    id: str
    operation: str
    sobject: str
    user: str
    at: str
    delimiter: str
    line_ending: str
    header: str = ""
    lines: list[str] = field(default_factory=list)
    state: str = "UploadComplete"

    def describe(self, call: Call) -> dict[str, Any]:
        """Return what the API tells of it."""
        told: dict[str, Any] = {
            "id": self.id,
            "operation": self.operation,
            "object": self.sobject,
            "createdById": self.user,
            "createdDate": self.at,
            "systemModstamp": self.at,
            "state": self.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(call.version.removeprefix("v")),
            "lineEnding": self.line_ending,
            "columnDelimiter": self.delimiter,
        }
        if self.state == "JobComplete":
            told |= {"jobType": "V2Query", "numberRecordsProcessed": len(self.lines), "retries": 0}
            told |= {"totalProcessingTime": 1, "isPkChunkingSupported": True}
        return told


def create(org: Org, call: Call) -> Answer:
    """``POST /jobs/query``."""
    body = call.record()
    operation = body.get("operation")
    if operation not in {"query", "queryAll"}:
        raise ApiError("INVALIDJOB", f"InvalidJob : {operation} is no operation of a query job")
    text = str(body.get("query") or "").strip()
    if not text:
        raise ApiError("MALFORMED_QUERY", "A query string has to be specified")
    query = parse(text)
    if query.count or query.offset or is_aggregate(query) or any(isinstance(i, Query) for i in query.selection):
        raise ApiError("FUNCTIONALITY_NOT_ENABLED", _UNSUPPORTED)
    delimiter, ending = form_of(body)
    found = run_query(
        org.store, text, query, deleted=operation == "queryAll", sobjects_url=f"{call.base}/sobjects"
    ).records
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    sobject = org.schema.find(query.source)
    job = QueryJob(
        org.ids.make(_KEY_PREFIX), operation, sobject.name if sobject else "", call.user, at, delimiter, ending
    )
    columns = _columns(query, found)
    job.header = _line(job, columns)
    job.lines = [_line(job, [_cell(record, column) for column in columns]) for record in found]
    org.jobs[job.id] = job
    return Answer(200, job.describe(call))


def get(org: Org, call: Call) -> Answer:
    """``GET /jobs/query/{id}``."""
    job = _find(org, call)
    if job.state in {"UploadComplete", "InProgress"}:
        job.state = "InProgress" if job.state == "UploadComplete" else "JobComplete"
    return Answer(200, job.describe(call))


def listed(org: Org, call: Call) -> Answer:
    """``GET /jobs/query``."""
    return list_of(call, [job for job in org.jobs.values() if isinstance(job, QueryJob)])


def list_of(call: Call, jobs: list[Any]) -> Answer:
    """Return a list of jobs, on one page."""
    records = [job.describe(call) for job in jobs]
    return Answer(200, {"done": True, "records": records, "nextRecordsUrl": None})


def update(org: Org, call: Call) -> Answer:
    """``PATCH /jobs/query/{id}``: give up."""
    job = _find(org, call)
    if call.record().get("state") != "Aborted" or job.state not in {"UploadComplete", "InProgress"}:
        raise ApiError("INVALIDJOBSTATE", f"a job in state {job.state} cannot become that")
    job.state = "Aborted"
    return Answer(200, job.describe(call))


def delete(org: Org, call: Call) -> Answer:
    """``DELETE /jobs/query/{id}``, of a job that ended."""
    job = _find(org, call)
    if job.state not in {"JobComplete", "Aborted"}:
        raise ApiError("INVALIDJOBSTATE", f"a job in state {job.state} cannot be deleted")
    del org.jobs[job.id]
    return Answer(_NO_CONTENT)


def results(org: Org, call: Call) -> Answer:
    """``GET /jobs/query/{id}/results``, at most ``maxRecords`` from ``locator`` on."""
    job = _find(org, call)
    if job.state != "JobComplete":
        raise ApiError("INVALIDJOBSTATE", f"the results of a job in state {job.state} cannot be read")
    start = _whole(call, "locator", 0)
    end = min(start + _whole(call, "maxRecords", len(job.lines) or 1), len(job.lines))
    more = str(end) if end < len(job.lines) else "null"
    headers = {"Sforce-NumberOfRecords": str(end - start), "Sforce-Locator": more}
    return Answer(200, headers=headers, text=job.header + "".join(job.lines[start:end]))


def form_of(body: dict[str, Any]) -> tuple[str, str]:
    """Return the delimiter and the line ending a job asks for.

    Raises:
        ApiError: INVALIDJOB.
    """
    delimiter, ending = str(body.get("columnDelimiter") or "COMMA"), str(body.get("lineEnding") or "LF")
    if (body.get("contentType") or "CSV") != "CSV" or delimiter not in DELIMITERS or ending not in LINE_ENDINGS:
        raise ApiError("INVALIDJOB", "InvalidJob : contentType, columnDelimiter or lineEnding is not known")
    return delimiter, ending


def _find(org: Org, call: Call) -> QueryJob:
    job = org.jobs.get(call.segments[2])
    if not isinstance(job, QueryJob):
        raise not_found()
    return job


def _whole(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise ApiError("INVALID_QUERY_LOCATOR", f"invalid {name}")
    return int(text)


def _columns(query: Query, found: list[dict[str, Any]]) -> list[str]:
    """Return the names of the columns: as the records have them, or as the query wrote them where there is none."""
    columns: list[str] = []
    for item in query.selection:
        if isinstance(item, Path):
            columns.append(_spelled(item.parts, found))
        elif isinstance(item, Function):
            columns.append(item.alias or _spelled(item.path.parts, found))
        elif isinstance(item, FieldsFunction):
            first = found[0] if found else {}
            columns += [name for name in first if name != "attributes"]
    return columns


def _spelled(parts: tuple[str, ...], found: list[dict[str, Any]]) -> str:
    for record in found:
        current: Any = record
        names: list[str] = []
        for part in parts:
            name = next((key for key in current or () if key.lower() == part.lower()), None)
            if name is None:
                break
            names.append(name)
            current = current[name]
        if len(names) == len(parts):
            return ".".join(names)
    return ".".join(parts)


def _cell(record: dict[str, Any], column: str) -> str:
    current: Any = record
    for part in column.split("."):
        current = current.get(part) if isinstance(current, dict) else None
    if current is None:
        return ""
    if isinstance(current, bool):
        return str(current).lower()
    return str(current).replace(".000+0000", ".000Z")


def _line(job: QueryJob, cells: list[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(
        text, delimiter=DELIMITERS[job.delimiter], lineterminator=LINE_ENDINGS[job.line_ending], quoting=csv.QUOTE_ALL
    ).writerow(cells)
    return text.getvalue()
