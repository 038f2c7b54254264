"""The ASGI side: addresses, sessions, faults, headers of every answer, and the record of requests.

What a request means is decided by ``api``; this file knows HTTP. Bodies and tokens are never recorded.
"""

import asyncio
import gzip
import json
import logging
import re
import time
import uuid
import zlib
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from counterfoil_sandbox.faults import FaultBook
from counterfoil_sandbox.salesforce.api import Answer, Call, Dispatcher
from counterfoil_sandbox.salesforce.api.call import parse_json
from counterfoil_sandbox.salesforce.api.resources import FIRST_VERSION, LAST_VERSION, RETIRED, limit_info, versions
from counterfoil_sandbox.salesforce.errors import ApiError, not_found
from counterfoil_sandbox.salesforce.faults import (
    Fault,
    locked_records,
    request_limit_error,
    status_error,
    take_fault,
)
from counterfoil_sandbox.salesforce.oauth import OAuth, OAuthError
from counterfoil_sandbox.server import cut_connection

MAX_URI_AND_HEADERS = 16_384
LEAST_PACKED = 1024  # bytes; smaller answers would not become shorter
KEPT_REQUESTS = 10_000
_LOGGER = logging.getLogger(__name__)
_DATA = re.compile(r"/services/data/(v(\d+)\.0)(/.*)?")
_CLIENT = re.compile(r"client\s*=\s*([^;,\s]+)", re.IGNORECASE)


class HttpSide:
    """One ASGI application for both of the org's ports."""

    def __init__(self, oauth: OAuth, faults: FaultBook, dispatcher: Callable[[], Dispatcher]) -> None:
        self._oauth = oauth
        self._faults = faults
        self._dispatcher = dispatcher
        self.requests: deque[dict[str, Any]] = deque(maxlen=KEPT_REQUESTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        started = time.monotonic()
        request = Request(scope, receive)
        body = _unpacked(await request.body(), request.headers)
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1").partition("?")[0]
        method = request.headers.get("x-http-method-override", request.query_params.get("_HttpMethod", request.method))
        entry = self._entry(method.upper(), path, request.headers)
        named = _Named(path, body)
        entry["records"] = named.records
        if named.subrequests:
            entry["subrequests"] = [{"method": verb, "path": unquote(sub)} for verb, sub in named.subrequests]
        doors = [(entry["method"], path), *named.subrequests]
        fault = take_fault(self._faults, doors, named.objects)
        try:
            answer = await self._answer(request, body, path, entry, fault)
        except Exception:
            # A defect of the sandbox must be seen in its output, and must not look like an answer of Salesforce's.
            _LOGGER.exception("the sandbox failed on %s %s", entry["method"], path)
            answer = _error(ApiError("SANDBOX_DEFECT", "The sandbox failed; its output says why", status=500))
        entry["duration_ms"] = round((time.monotonic() - started) * 1000, 1)
        entry["status"] = None if answer is None else answer.status
        self.requests.append(entry)
        if answer is None:
            cut_connection(scope)
            return
        answer.headers["X-Request-Id"] = entry["request_id"]
        packed = "gzip" in request.headers.get("accept-encoding", "")
        await _send(send, answer, head=request.method == "HEAD", packed=packed)

    @staticmethod
    def _entry(method: str, path: str, headers: Headers) -> dict[str, Any]:
        match = _CLIENT.search(headers.get("sforce-call-options", ""))
        return {
            "at": time.time(),
            "method": method,
            "path": unquote(path),
            "client": match.group(1) if match else None,
            "request_id": headers.get("x-sfdc-request-id") or uuid.uuid4().hex,
            "fault": None,
            "effect": False,
        }

    async def _answer(
        self, request: Request, body: bytes, path: str, entry: dict[str, Any], fault: Fault | None
    ) -> Answer | None:
        """Return the answer, or None to cut the connection."""
        kind = None if fault is None else str(fault["fault"])
        entry["fault"] = kind
        if fault is None or kind is None:
            return self._perform(request, body, path, entry, None)
        if kind == "delay":
            await asyncio.sleep(int(fault.get("ms", 0)) / 1000)
        elif kind == "disconnect" and not fault.get("after_effect"):
            return None
        elif kind == "request_limit":
            return _error(request_limit_error(fault))
        elif kind == "expired_token":
            self._oauth.close(_token(request.headers))
        elif kind == "status" and not fault.get("after_effect"):
            return _error(status_error(fault), oauth=path.startswith("/services/oauth2"))
        answer = self._perform(request, body, path, entry, fault)
        if kind in {"disconnect", "after_effect_disconnect"}:
            return None
        return _error(status_error(fault)) if kind == "status" else answer

    def _perform(self, request: Request, body: bytes, path: str, entry: dict[str, Any], fault: Fault | None) -> Answer:
        entry["effect"] = True
        try:
            if path.rstrip("/") == "/services/data":
                return Answer(200, versions())
            match = _DATA.fullmatch(path)
            if match is None:
                return self._identity(request, body, path)
            if not FIRST_VERSION <= int(match.group(2)) <= LAST_VERSION:
                raise _no_version(int(match.group(2)))
            return self._api(request, body, match, entry, fault)
        except OAuthError as error:
            return Answer(error.status, error.body)
        except ApiError as error:
            return _error(error)

    def _api(
        self, request: Request, body: bytes, match: re.Match[str], entry: dict[str, Any], fault: Fault | None
    ) -> Answer:
        if not self._oauth.is_open(_token(request.headers)):
            raise ApiError("INVALID_SESSION_ID", "Session expired or invalid", status=401)
        size = len(str(request.url)) + sum(len(name) + len(value) for name, value in request.headers.raw)
        if size > MAX_URI_AND_HEADERS:
            raise ApiError("URI_TOO_LONG", "the URI and the headers exceed 16,384 bytes", status=414)
        dispatcher = self._dispatcher()
        dispatcher.org.api_calls += 1
        query = dict(parse_qsl(request.url.query, keep_blank_values=True))
        query.pop("_HttpMethod", None)
        call = Call(
            method=entry["method"],
            version=match.group(1),
            segments=tuple(unquote(part) for part in (match.group(3) or "").split("/") if part),
            query=query,
            headers=request.headers,
            body=body,
            user=self._oauth.user_id,
        )
        if fault is not None and fault["fault"] in {"row_lock", "record_error"}:
            call.is_locked = locked_records(fault)
        if fault is not None and fault["fault"] == "record_error":
            call.refusal = str(fault.get("error_code", "UNKNOWN_EXCEPTION")), str(fault.get("message", ""))
        if fault is not None and fault["fault"] == "bulk_failure":
            call.bulk_rows = int(fault.get("rows", 0))
        dispatcher.org.changes.client = entry["client"]
        dispatcher.org.changes.api = match.group(2) + ".0"
        answer = dispatcher.answer(call)
        answer.headers["Sforce-Limit-Info"] = limit_info(dispatcher.org)
        return answer

    def _identity(self, request: Request, body: bytes, path: str) -> Answer:
        """Answer the OAuth endpoints and the identity URL."""
        base = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
        form = dict(parse_qsl(body.decode("utf-8", "replace"))) | dict(request.query_params)
        if path == "/services/oauth2/token" and request.method == "POST":
            return Answer(200, self._oauth.token(form, request.headers.get("authorization", ""), base))
        if path == "/services/oauth2/introspect" and request.method == "POST":
            return Answer(200, self._oauth.introspect(form, request.headers.get("authorization", ""), base))
        if path == "/services/oauth2/revoke":
            token = form.get("token", "")
            if not self._oauth.is_open(token):
                raise OAuthError("unsupported_token_type", "this token type is not supported")
            self._oauth.close(token)
            return Answer(200)
        if path == "/services/oauth2/userinfo" or path.startswith("/id/"):
            if not self._oauth.is_open(_token(request.headers)):
                return Answer(403, text="Bad_OAuth_Token", text_type="text/html;charset=UTF-8")
            return Answer(200, self._user(base))
        raise not_found()

    def _user(self, base: str) -> dict[str, Any]:
        org = self._dispatcher().org
        user = org.store.table("User").rows[org.seeded.user_id]
        return {
            "sub": self._oauth.identity_url(base),
            "id": self._oauth.identity_url(base),
            "user_id": user["Id"],
            "organization_id": org.seeded.org_id,
            "username": user["Username"],
            "preferred_username": user["Username"],
            "display_name": user["Name"],
            "name": user["Name"],
            "email": user["Email"],
            "active": True,
            "user_type": "STANDARD",
            "urls": {
                "rest": f"{base}/services/data/v{{version}}/",
                "sobjects": f"{base}/services/data/v{{version}}/sobjects/",
                "query": f"{base}/services/data/v{{version}}/query/",
            },
        }


def _token(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() in {"bearer", "oauth"} else ""


def _error(error: ApiError, *, oauth: bool = False) -> Answer:
    if oauth:
        return Answer(error.status, {"error": error.code.lower(), "error_description": error.message})
    return Answer(error.status, error.body())


class _Named:
    """The objects a request names in its paths or its records, how many records it carries, and what it nests."""

    def __init__(self, path: str, body: bytes) -> None:
        self.objects: set[str] = set()
        self.subrequests: list[tuple[str, str]] = []
        self.records = 0
        self._add_path(path)
        try:
            parsed = parse_json(body)
        except ApiError:
            return
        nested = parsed.get("compositeRequest") if isinstance(parsed, dict) else None
        if not isinstance(nested, list):
            self.records = self._add_records(parsed)
            return
        for item in nested:
            if isinstance(item, dict) and isinstance(item.get("url"), str):
                self.subrequests.append((str(item.get("method")).upper(), item["url"].partition("?")[0]))
                self._add_path(self.subrequests[-1][1])
                self.records += self._add_records(item.get("body"))

    def _add_path(self, path: str) -> None:
        self.objects |= {unquote(part).lower() for part in path.split("/") if part}

    def _add_records(self, body: Any) -> int:
        records = body.get("records") if isinstance(body, dict) else None
        if not isinstance(records, list):
            return 1
        for record in records:
            attributes = record.get("attributes") if isinstance(record, dict) else None
            if isinstance(attributes, dict):
                self.objects.add(str(attributes.get("type")).lower())
        return len(records)


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _no_version(number: int) -> ApiError:
    """Build the refusal of a version: 410 for one that was taken away, 404 for one that never was."""
    if number in RETIRED:
        return ApiError("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL", status=410)
    return not_found()


def _unpacked(body: bytes, headers: Headers) -> bytes:
    """Return a request's body as it was before compression; one that cannot be unpacked stays, and is no JSON."""
    if headers.get("content-encoding", "").lower() != "gzip":
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        return body


async def _send(send: Send, answer: Answer, *, head: bool, packed: bool) -> None:
    content = (
        b""
        if answer.body is None
        else json.dumps(answer.body, default=_number, ensure_ascii=False).encode("utf-8", "replace")
    )
    headers = {"content-type": "application/json;charset=UTF-8", "vary": "Accept-Encoding", "cache-control": "no-cache"}
    if answer.text is not None:
        content = answer.text.encode()
        headers["content-type"] = answer.text_type
    elif answer.body is None:
        del headers["content-type"]
    if packed and len(content) >= LEAST_PACKED:
        content = gzip.compress(content, compresslevel=1)
        headers["content-encoding"] = "gzip"
    if answer.status not in {204, 304}:  # which must not carry a length
        headers["content-length"] = str(len(content))
    headers |= {name.lower(): value for name, value in answer.headers.items()}
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": b"" if head else content})
