"""Several requests in one: composite and composite graph with references between them, and batch without.

After "Composite", "Composite Graph" and "Composite Batch" of the REST API Developer Guide. Each subrequest goes through
the same dispatcher as a request of its own; the whole counts as one API call.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from counterfoil_sandbox.salesforce.api.call import Answer, Call
from counterfoil_sandbox.salesforce.errors import ApiError

if TYPE_CHECKING:
    from counterfoil_sandbox.salesforce.api.dispatch import Dispatcher

MAX_SUBREQUESTS = 25
MAX_GRAPHS, MAX_NODES = 75, 500
_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)((?:\.[A-Za-z0-9_]+|\[\d+\])*)\}")
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[(\d+)\]")
_DATA = re.compile(r"(?:/services/data)?/(v\d+\.0)(/.*)?")
_FIRST_ERROR_STATUS = 400
_HALTED = "The transaction was rolled back since another operation in the same transaction failed."


class _RolledBackError(Exception):
    """Some subrequest of an allOrNone composite failed."""


def composite(dispatcher: "Dispatcher", call: Call) -> Answer:
    """``POST /composite``."""
    body = _body(call)
    requests = _requests(body.get("compositeRequest"), MAX_SUBREQUESTS)
    entries, _ = _perform(dispatcher, call, requests, all_or_none=bool(body.get("allOrNone")))
    return Answer(200, {"compositeResponse": entries})


def graph(dispatcher: "Dispatcher", call: Call) -> Answer:
    """``POST /composite/graph``: composites, each of them done wholly or not at all."""
    graphs = _body(call).get("graphs")
    if not isinstance(graphs, list) or not all(isinstance(item, dict) for item in graphs):
        raise ApiError("JSON_PARSER_ERROR", "an array of graphs is required")
    wanted = [(str(item.get("graphId")), _requests(item.get("compositeRequest"), MAX_NODES)) for item in graphs]
    if len(wanted) > MAX_GRAPHS or sum(len(requests) for _, requests in wanted) > MAX_NODES:
        raise ApiError("LIMIT_EXCEEDED", f"at most {MAX_GRAPHS} graphs of {MAX_NODES} nodes in all are allowed")
    told: list[dict[str, Any]] = []
    for name, requests in wanted:
        entries, done = _perform(dispatcher, call, requests, all_or_none=True)
        told.append({"graphId": name, "graphResponse": {"compositeResponse": entries}, "isSuccessful": done})
    return Answer(200, {"graphs": told})


def _perform(
    dispatcher: "Dispatcher", call: Call, requests: list[dict[str, Any]], *, all_or_none: bool
) -> tuple[list[dict[str, Any]], bool]:
    """Carry out subrequests one after another; return the entries of the answer and whether nothing was undone."""
    results: dict[str, Answer] = {}
    for request in requests:
        name = request.get("referenceId")
        if not isinstance(name, str) or not name or name in results:
            raise ApiError("JSON_PARSER_ERROR", "each subrequest needs a referenceId of its own")
        results[name] = Answer()
    done: dict[str, Answer] = {}
    undone = False
    try:
        with dispatcher.org.store.transaction():
            for request in requests:
                answer = _subrequest(dispatcher, call, request, done)
                done[request["referenceId"]] = answer
                if all_or_none:
                    _require_success(answer)
    except _RolledBackError:
        undone = True
        culprit = next(reversed(done))
        halted = Answer(_FIRST_ERROR_STATUS, ApiError("PROCESSING_HALTED", _HALTED).body())
        done = {name: done[name] if name == culprit else halted for name in results}
    return [_entry(name, answer) for name, answer in done.items()], not undone


def batch(dispatcher: "Dispatcher", call: Call) -> Answer:
    """``POST /composite/batch``: independent subrequests."""
    body = _body(call)
    results: list[dict[str, Any]] = []
    failed = halted = False
    for request in _requests(body.get("batchRequests"), MAX_SUBREQUESTS):
        if halted:
            error = ApiError("BATCH_PROCESSING_HALTED", "Batch processing halted by request property")
            results.append({"statusCode": 412, "result": error.body()})
            continue
        answer = dispatcher.answer(_sub_call(call, request.get("method"), request.get("url"), request.get("richInput")))
        results.append({"statusCode": answer.status, "result": answer.body})
        if answer.status >= _FIRST_ERROR_STATUS:
            failed, halted = True, bool(body.get("haltOnError"))
    return Answer(200, {"hasErrors": failed, "results": results})


def _require_success(answer: Answer) -> None:
    if answer.status >= _FIRST_ERROR_STATUS:
        raise _RolledBackError


def _body(call: Call) -> dict[str, Any]:
    if call.method != "POST":
        raise ApiError("METHOD_NOT_ALLOWED", f"HTTP Method '{call.method}' not allowed. Allowed are POST", status=405)
    return call.record()


def _requests(raw: object, most: int) -> list[dict[str, Any]]:
    if not isinstance(raw, list) or not raw or not all(isinstance(item, dict) for item in raw):
        raise ApiError("JSON_PARSER_ERROR", "an array of subrequests is required")
    if len(raw) > most:
        raise ApiError("LIMIT_EXCEEDED", f"at most {most} subrequests are allowed")
    return raw


def _subrequest(dispatcher: "Dispatcher", call: Call, request: dict[str, Any], done: Mapping[str, Answer]) -> Answer:
    try:
        url = _fill(request.get("url"), done)
        body = _fill(request.get("body"), done)
    except ApiError as error:
        return Answer(error.status, error.body())
    return dispatcher.answer(_sub_call(call, request.get("method"), url, body))


def _sub_call(call: Call, method: object, url: object, body: object) -> Call:
    if not isinstance(method, str) or not isinstance(url, str):
        raise ApiError("JSON_PARSER_ERROR", "each subrequest needs a method and a url")
    parts = urlsplit(url)
    match = _DATA.fullmatch(parts.path if parts.path.startswith("/") else f"/{parts.path}")
    if match is None:
        raise ApiError("JSON_PARSER_ERROR", f"not an address of this API: {parts.path}")
    segments = tuple(unquote(segment) for segment in (match.group(2) or "").split("/") if segment)
    return Call(
        method=method.upper(),
        version=match.group(1),
        segments=segments,
        query=dict(parse_qsl(parts.query)),
        headers=call.headers,
        user=call.user,
        parsed=body,
        is_locked=call.is_locked,
        refusal=call.refusal,
    )


def _fill(value: Any, done: Mapping[str, Answer]) -> Any:
    """Replace every ``@{reference.field}`` in a url or body."""
    if isinstance(value, dict):
        return {key: _fill(item, done) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, done) for item in value]
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: str(_look_up(match, done)), value)
    return value


def _look_up(match: re.Match[str], done: Mapping[str, Answer]) -> object:
    answer = done.get(match.group(1))
    if answer is None or answer.status >= _FIRST_ERROR_STATUS:
        raise ApiError("PROCESSING_HALTED", f"Invalid reference specified. No value for {match.group()} found")
    current: Any = answer.body
    try:
        for name, index in _STEP.findall(match.group(2)):
            current = current[name] if name else current[int(index)]
    except (KeyError, IndexError, TypeError) as error:
        raise ApiError(
            "PROCESSING_HALTED", f"Invalid reference specified. No value for {match.group()} found"
        ) from error
    return current


def _entry(name: str, answer: Answer) -> dict[str, Any]:
    return {
        "body": answer.body,
        "httpHeaders": answer.headers,
        "httpStatusCode": answer.status,
        "referenceId": name,
    }
