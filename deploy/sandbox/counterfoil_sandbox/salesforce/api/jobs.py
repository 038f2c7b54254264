"""Bulk API 2.0 ingest: a job is opened, given a CSV file once, carried out, and answers with CSV files.

After "Bulk API 2.0 Ingest" of the Bulk API 2.0 Developer Guide, for upserts by external id. A job is carried out when
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
from counterfoil_sandbox.salesforce.api.collections import upsert_record
from counterfoil_sandbox.salesforce.api.sobjects import find_key, find_object
from counterfoil_sandbox.salesforce.errors import ApiError, not_found, not_imitated
from counterfoil_sandbox.salesforce.model import Field, SObject
from counterfoil_sandbox.salesforce.org import Org

CREATED, NO_CONTENT = 201, 204
MAX_CHARACTERS = 100_000_000
_KEY_PREFIX = "750"
_EMPTY = "#N/A"
Row = dict[str, str]


@dataclass
class Job:
    """One job, its rows, and what became of them."""

    id: str
    sobject: SObject
    key: Field
    user: str
    at: str
    state: str = "Open"
    columns: list[str] = field(default_factory=list)
    rows: list[Row] | None = None
    succeeded: list[Row] = field(default_factory=list)
    failed: list[Row] = field(default_factory=list)

    def describe(self, call: Call) -> dict[str, Any]:
        """Return what the API tells of it."""
        told: dict[str, Any] = {
            "id": self.id,
            "operation": "upsert",
            "object": self.sobject.name,
            "createdById": self.user,
            "createdDate": self.at,
            "systemModstamp": self.at,
            "state": self.state,
            "externalIdFieldName": self.key.name,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(call.version.removeprefix("v")),
            "contentUrl": f"{call.base.removeprefix('/')}/jobs/ingest/{self.id}/batches",
            "lineEnding": "LF",
            "columnDelimiter": "COMMA",
        }
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
    if body.get("operation") != "upsert":
        raise not_imitated(f"the bulk operation {body.get('operation')}")
    if body.get("contentType", "CSV") != "CSV" or body.get("lineEnding", "LF") != "LF":
        raise ApiError("INVALIDJOB", "only CSV with LF is taken here")
    sobject = find_object(org, str(body.get("object")))
    key = find_key(sobject, str(body.get("externalIdFieldName")))
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    job = Job(org.ids.make(_KEY_PREFIX), sobject, key, call.user, at)
    org.jobs[job.id] = job
    return Answer(200, job.describe(call))


def upload(org: Org, call: Call) -> Answer:
    """``PUT /jobs/ingest/{id}/batches``, once."""
    job = _find(org, call)
    if job.state != "Open" or job.rows is not None:
        raise ApiError("INVALIDJOBSTATE", "Found multiple contents for job, or the job is not open")
    if len(call.body) > MAX_CHARACTERS:
        raise ApiError("LIMIT_EXCEEDED", "the data of a job may not exceed 100 MB", status=413)
    reader = csv.DictReader(io.StringIO(call.body.decode("utf-8"), newline=""))
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
    return _csv(["sf__Id", "sf__Created", *job.columns], job.succeeded)


def failed(org: Org, call: Call) -> Answer:
    """``GET /jobs/ingest/{id}/failedResults``."""
    job = _find(org, call)
    return _csv(["sf__Id", "sf__Error", *job.columns], job.failed)


def unprocessed(org: Org, call: Call) -> Answer:
    """``GET /jobs/ingest/{id}/unprocessedrecords``."""
    job = _find(org, call)
    done = len(job.succeeded) + len(job.failed)
    return _csv(job.columns, (job.rows or [])[done:] if job.state in {"JobComplete", "Failed", "Aborted"} else [])


def _find(org: Org, call: Call) -> Job:
    job: Job | None = org.jobs.get(call.segments[2])
    if job is None:
        raise not_found()
    return job


def _carry_out(org: Org, call: Call, job: Job) -> None:
    for row in (job.rows or [])[: call.bulk_rows]:
        try:
            with org.store.transaction():
                result = upsert_record(org, call, job.sobject, job.key, _record(row))
        except ApiError as error:
            message = f"{error.code}:{error.message}:{','.join(error.fields or ())} --"
            job.failed.append({"sf__Id": "", "sf__Error": message, **row})
        else:
            job.succeeded.append({"sf__Id": result["id"], "sf__Created": str(result["created"]).lower(), **row})


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


def _csv(columns: list[str], rows: list[Row]) -> Answer:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return Answer(200, text=text.getvalue())
