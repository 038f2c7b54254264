"""Which records of an object changed or went in a span of time: what older synchronisations poll.

After "Get Updated" and "Get Deleted" of the REST API Developer Guide. Both leave seconds out; records that are deleted
without passing the recycle bin are not told.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from counterfoil_sandbox.salesforce.api.call import Answer, Call
from counterfoil_sandbox.salesforce.api.sobjects import find_object
from counterfoil_sandbox.salesforce.errors import ApiError
from counterfoil_sandbox.salesforce.org import Org
from counterfoil_sandbox.salesforce.store import Row

_KEPT, _LEAST = timedelta(days=30), timedelta(minutes=1)
_FORM = "%Y-%m-%dT%H:%M:%S.000+0000"


def updated(org: Org, call: Call) -> Answer:
    """``GET /sobjects/X/updated/?start=...&end=...``: ids."""
    start, end = _span(call)
    ids = [row["Id"] for row in _changed(org, call, start, end) if not row.get("IsDeleted")]
    return Answer(200, {"ids": ids, "latestDateCovered": end.strftime(_FORM)})


def deleted(org: Org, call: Call) -> Answer:
    """``GET /sobjects/X/deleted/?start=...&end=...``: ids and when they went."""
    start, end = _span(call)
    gone = [
        {"deletedDate": row["SystemModstamp"].strftime(_FORM), "id": row["Id"]}
        for row in _changed(org, call, start, end)
        if row.get("IsDeleted")
    ]
    earliest = (datetime.now(UTC) - _KEPT).strftime(_FORM)
    return Answer(
        200,
        {"deletedRecords": gone, "earliestDateAvailable": earliest, "latestDateCovered": end.strftime(_FORM)},
    )


def _changed(org: Org, call: Call, start: datetime, end: datetime) -> Iterator[Row]:
    sobject = find_object(org, call.segments[1])
    rows = org.store.table(sobject.name).rows.values()
    return (row for row in rows if start <= row["SystemModstamp"] < end)


def _span(call: Call) -> tuple[datetime, datetime]:
    start, end = (_moment(call, name) for name in ("start", "end"))
    if end - start < _LEAST:
        raise ApiError("INVALID_REPLICATION_DATE", "endDate must be at least one minute greater than the startDate")
    if start < datetime.now(UTC) - _KEPT - _LEAST:
        raise ApiError("INVALID_REPLICATION_DATE", "startDate cannot be more than 30 days ago")
    return start, end


def _moment(call: Call, name: str) -> datetime:
    text = call.query.get(name, "").replace(" ", "+")  # a plus sign that nobody escaped
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ApiError("INVALID_REPLICATION_DATE", f"{name} is required, as a date and time: {text}") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).replace(second=0, microsecond=0)
