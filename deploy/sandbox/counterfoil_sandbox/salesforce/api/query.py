"""The query resources: SOQL, pages, and cursors over what a query found.

Pages follow "Query" and "Query Options Header" of the REST API Developer Guide: 2,000 records, or what the client asks
for between 200 and 2,000.
"""

import re
from typing import Any

from counterfoil_sandbox.salesforce.api.call import Answer, Call
from counterfoil_sandbox.salesforce.errors import ApiError
from counterfoil_sandbox.salesforce.org import Org
from counterfoil_sandbox.salesforce.soql import parse, run_query

MIN_BATCH, MAX_BATCH = 200, 2000
_LOCATOR = re.compile(r"(\w{15,18})-(\d+)")


def run(org: Org, call: Call) -> Answer:
    """``GET /query?q=...``: live records."""
    return _run(org, call, deleted=False)


def run_all(org: Org, call: Call) -> Answer:
    """``GET /queryAll?q=...``: the recycle bin as well."""
    return _run(org, call, deleted=True)


def more(org: Org, call: Call) -> Answer:
    """``GET /query/{locator}``: the next page of a query."""
    match = _LOCATOR.fullmatch(call.segments[1])
    records = org.cursors.get(match.group(1)) if match else None
    if match is None or records is None:
        raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
    return Answer(200, _page(call, match.group(1), records, int(match.group(2))))


def _run(org: Org, call: Call, *, deleted: bool) -> Answer:
    text = call.query.get("q", "").strip()
    if not text:
        raise ApiError("MALFORMED_QUERY", "A query string has to be specified")
    result = run_query(org.store, text, parse(text), deleted=deleted, sobjects_url=f"{call.base}/sobjects")
    if len(result.records) <= _batch_size(call):
        return Answer(200, {"totalSize": result.total, "done": True, "records": result.records})
    locator = org.ids.make("01g")
    org.cursors.keep(locator, result.records)
    return Answer(200, _page(call, locator, result.records, 0))


def _page(call: Call, locator: str, records: list[dict[str, Any]], start: int) -> dict[str, Any]:
    end = start + _batch_size(call)
    page: dict[str, Any] = {"totalSize": len(records), "done": end >= len(records)}
    if not page["done"]:
        page["nextRecordsUrl"] = f"{call.base}/query/{locator}-{end}"
    page["records"] = records[start:end]
    return page


def _batch_size(call: Call) -> int:
    match = re.search(r"batchSize\s*=\s*(\d+)", call.headers.get("sforce-query-options", ""), re.IGNORECASE)
    return min(max(int(match.group(1)), MIN_BATCH), MAX_BATCH) if match else MAX_BATCH
