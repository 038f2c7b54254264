"""Asking: what a query's answer must look like, alone or several queries in one call.

Source: "Query" and "Composite" of the REST API Developer Guide: five queries in a composite request, which counts as
one call. An answer of one query may come in pages, each a call of its own.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from service.clients.salesforce._errors import classify, unreadable
from service.errors import VendorError

MAX_QUERIES = 5
Rows = list[dict[str, Any]]


def page(answer: Any) -> dict[str, Any]:
    """Return one page of an answer: "records", "totalSize", "done", and "nextRecordsUrl" unless done.

    Raises:
        VendorUnavailable: the answer does not have the documented shape.
    """
    whole = isinstance(answer, dict) and isinstance(answer.get("records"), list) and "totalSize" in answer
    if not whole or not (answer.get("done") or (answer["records"] and isinstance(answer.get("nextRecordsUrl"), str))):
        raise unreadable("query")
    return {"done": False, **answer}


def together(queries: Sequence[str], version: str) -> dict[str, Any]:
    """Return the body of one call with several queries."""
    if not 1 <= len(queries) <= MAX_QUERIES:
        raise ValueError(f"a call takes 1 to {MAX_QUERIES} queries")
    base = f"/services/data/v{version}/query/?q="
    return {
        "allOrNone": False,
        "compositeRequest": [
            {"method": "GET", "url": base + quote(soql, safe=""), "referenceId": f"query{number}"}
            for number, soql in enumerate(queries)
        ],
    }


def pages(answer: Any, queries: Sequence[str]) -> list[dict[str, Any] | VendorError]:
    """Return the first page of each query of one call, or what is wrong with it.

    Raises:
        VendorUnavailable: the answer does not have the documented shape.
    """
    entries = answer.get("compositeResponse") if isinstance(answer, dict) else None
    by_name = {entry.get("referenceId"): entry for entry in entries or () if isinstance(entry, dict)}
    if len(by_name) != len(queries):
        raise unreadable("composite")
    return [_first(by_name.get(f"query{number}", {})) for number in range(len(queries))]


def _first(entry: dict[str, Any]) -> dict[str, Any] | VendorError:
    status, body = entry.get("httpStatusCode"), entry.get("body")
    try:
        return page(body) if status == HTTPStatus.OK else classify(body, status=status)
    except VendorError as error:
        return error
