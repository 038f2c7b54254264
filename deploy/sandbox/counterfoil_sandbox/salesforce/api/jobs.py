"""Bulk API 2.0 ingest: a job is opened, given a CSV file once, carried out, and answers with CSV files.

After "Bulk API 2.0 Ingest" of the Bulk API 2.0 Developer Guide, hard deletion left out. A job is carried out when
it is first asked for after its upload, which answers InProgress; the next answer is JobComplete, whatever rows failed.
A ``bulk_failure`` fault ends it as Failed after ``rows`` rows.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from counterfoil_sandbox.salesforce.api.call import Answer, Call
from counterfoil_sandbox.salesforce.api.collections import upsert_record, written_id
from counterfoil_sandbox.salesforce.api.query_jobs import DELIMITERS, LINE_ENDINGS, form_of, list_of
from counterfoil_sandbox.salesforce.api.sobjects import find_key, find_object
from counterfoil_sandbox.salesforce.errors import ApiError, RecordError, not_found, not_imitated
from counterfoil_sandbox.salesforce.model import Field, SObject
from counterfoil_sandbox.salesforce.org import Org

CREATED, NO_CONTENT = 201, 204
MAX_CHARACTERS = 100_000_000
_KEY_PREFIX = "750"
_EMPTY = "#N/A"
_OPERATIONS = {"insert", "update", "upsert", "delete"}
Row = dict[str, str]


@dataclass
class Job:
    """One job, its rows, and what became of them."""

    id: str
    operation: str
    sobject: SObject
    key: Field | None
    user: str
    at: str
    delimiter: str
    line_ending: str
    state: str = "Open"
    columns: list[str] = field(default_factory=list)
    rows: list[Row] | None = None
    succeeded: list[Row] = field(default_factory=list)
    failed: list[Row] = field(default_factory=list)

    def describe(self, call: Call) -> dict[str, Any]:
        """Return what the API tells of it."""
        told: dict[str, Any] = {
            "id": self.id,
            "operation": self.operation,
            "object": self.sobject.name,
            "createdById": self.user,
            "createdDate": self.at,
            "systemModstamp": self.at,
            "state": self.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(call.version.removeprefix("v")),
            "contentUrl": f"{call.base.removeprefix('/')}/jobs/ingest/{self.id}/batches",
            "lineEnding": self.line_ending,
            "columnDelimiter": self.delimiter,
        }
        if self.key is not None:
            told["externalIdFieldName"] = self.key.name
        if self.state not in {"Open", "UploadComplete"}:
            told |= {
                "jobType": "V2Ingest",
                "numberRecordsProcessed": len(self.succeeded) + len(self.failed),
                "numberRecordsFailed": len(self.failed),
                "retries": 0,
            }
        return told


def create(org: Org, call: Call) -> Answer:
    """``POST /jobs/ingest``."""
    body = call.record()
    operation = str(body.get("operation"))
    if operation == "hardDelete":
        raise not_imitated("the bulk operation hardDelete")
    if operation not in _OPERATIONS:
        raise ApiError("INVALIDJOB", f"InvalidJob : {operation} is no operation of an ingest job")
    delimiter, ending = form_of(body)
    sobject = find_object(org, str(body.get("object")))
    if operation == "upsert" and not body.get("externalIdFieldName"):
        raise ApiError("INVALIDJOB", "InvalidJob : External ID was blank for upsert")
    key = find_key(sobject, str(body["externalIdFieldName"])) if operation == "upsert" else None
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    job = Job(org.ids.make(_KEY_PREFIX), operation, sobject, key, call.user, at, delimiter, ending)
    org.jobs[job.id] = job
    return Answer(200, job.describe(call))


def upload(org: Org, call: Call) -> Answer:
    """``PUT /jobs/ingest/{id}/batches``, once."""
    job = _find(org, call)
    if job.state != "Open" or job.rows is not None:
        raise ApiError("INVALIDJOBSTATE", "Found multiple contents for job, or the job is not open")
    if len(call.body) > MAX_CHARACTERS:
        raise ApiError("LIMIT_EXCEEDED", "the data of a job may not exceed 100 MB", status=413)
    reader = csv.DictReader(io.StringIO(call.body.decode("utf-8"), newline=""), delimiter=DELIMITERS[job.delimiter])
    job.columns = list(reader.fieldnames or ())
    job.rows = list(reader)
    return Answer(CREATED)


def update(org: Org, call: Call) -> Answer:
    """``PATCH /jobs/ingest/{id}``: begin or give up."""
    job, wanted = _find(org, call), call.record().get("state")
    allowed = {"UploadComplete": {"Open"}, "Aborted": {"Open", "UploadComplete", "InProgress"}}
    if job.state not in allowed.get(str(wanted), set()):
        raise ApiError("INVALIDJOBSTATE", f"a job in state {job.state} cannot become {wanted}")
    job.state = str(wanted)
    return Answer(200, job.describe(call))


def listed(org: Org, call: Call) -> Answer:
    """``GET /jobs/ingest``."""
    return list_of(call, [job for job in org.jobs.values() if isinstance(job, Job)])


def get(org: Org, call: Call) -> Answer:
    """``GET /jobs/ingest/{id}``."""
    job = _find(org, call)
    if job.state == "UploadComplete":
        _carry_out(org, call, job)
        job.state = "InProgress"
    elif job.state == "InProgress":
        left = len(job.rows or ()) - len(job.succeeded) - len(job.failed)
        job.state = "Failed" if left else "JobComplete"
    return Answer(200, job.describe(call))


def delete(org: Org, call: Call) -> Answer:
    """``DELETE /jobs/ingest/{id}``."""
    job = _find(org, call)
    if job.state in {"Open", "InProgress"}:
        raise ApiError("INVALIDJOBSTATE", f"a job in state {job.state} cannot be deleted")
    del org.jobs[job.id]
    return Answer(NO_CONTENT)


def successful(org: Org, call: Call) -> Answer:
    """``GET /jobs/ingest/{id}/successfulResults``."""
    job = _find(org, call)
    return _csv(job, ["sf__Id", "sf__Created", *job.columns], job.succeeded)


def failed(org: Org, call: Call) -> Answer:
    """``GET /jobs/ingest/{id}/failedResults``."""
    job = _find(org, call)
    return _csv(job, ["sf__Id", "sf__Error", *job.columns], job.failed)


def unprocessed(org: Org, call: Call) -> Answer:
    """``GET /jobs/ingest/{id}/unprocessedrecords``."""
    job = _find(org, call)
    done = len(job.succeeded) + len(job.failed)
    return _csv(job, job.columns, (job.rows or [])[done:] if job.state in {"JobComplete", "Failed", "Aborted"} else [])


def _find(org: Org, call: Call) -> Job:
    job = org.jobs.get(call.segments[2])
    if not isinstance(job, Job):
        raise not_found()
    return job


def _carry_out(org: Org, call: Call, job: Job) -> None:
    for row in (job.rows or [])[: call.bulk_rows]:
        try:
            with org.store.transaction():
                result = _work(org, call, job, _record(row))
        except ApiError as error:
            message = f"{error.code}:{error.message}:{','.join(error.fields or ())} --"
            job.failed.append({"sf__Id": "", "sf__Error": message, **row})
        else:
            job.succeeded.append({"sf__Id": result["id"], "sf__Created": str(result["created"]).lower(), **row})


def _work(org: Org, call: Call, job: Job, record: dict[str, Any]) -> dict[str, Any]:
    if job.key is not None:
        return upsert_record(org, call, job.sobject, job.key, record)
    if job.operation == "insert":
        return {"id": org.dml.insert(call.context, job.sobject, record), "created": True}
    given = {name.lower(): value for name, value in record.items()}.get("id")
    if given is None:
        raise RecordError("MISSING_ARGUMENT", f"Id not specified in an {job.operation} call")
    record_id = written_id(given)
    if job.operation == "delete":
        org.dml.delete(call.context, job.sobject, record_id)
    else:
        rest = {name: value for name, value in record.items() if name.lower() != "id"}
        org.dml.update(call.context, job.sobject, record_id, rest)
    return {"id": record_id, "created": False}


def _record(row: Mapping[str, str]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for column, text in row.items():
        if text == "":
            continue  # an empty cell leaves the field alone
        relationship, dot, parent_key = column.partition(".")
        if dot:
            record[relationship] = None if text == _EMPTY else {parent_key: text}
        else:
            record[column] = None if text == _EMPTY else text
    return record


def _csv(job: Job, columns: list[str], rows: list[Row]) -> Answer:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(
        text,
        columns,
        delimiter=DELIMITERS[job.delimiter],
        lineterminator=LINE_ENDINGS[job.line_ending],
        quoting=csv.QUOTE_ALL,
    )
    writer.writeheader()
    writer.writerows(rows)
    return Answer(200, text=text.getvalue())
