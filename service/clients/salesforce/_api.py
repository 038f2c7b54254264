"""One Salesforce org over REST, through simple-salesforce in threads of its own.

Refuses more records in a call than Salesforce takes, and to repeat a call by itself, except once after an expired
session, when nothing was done. Numbers cross as exact decimals both ways: no float touches money.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote

import orjson
import requests
from opentelemetry.trace import Span
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceResourceNotFound
from simple_salesforce.util import call_salesforce

from service import config
from service.clients._calls import CALL_THREADS, Calls, timeouts
from service.clients.salesforce._bulk import BulkIngest
from service.clients.salesforce._errors import (
    EXPIRED_SESSION,
    REJECTED,
    UNAVAILABLE,
    classify,
    translate,
    unreadable,
)
from service.clients.salesforce._queries import Rows, page, pages, together
from service.clients.salesforce._session import Session, SignIn
from service.clients.salesforce._writes import MAX_RECORDS, Outcome, RecordResult, Write, composite, path_of, results
from service.clock import Clock
from service.errors import VendorDenied, VendorError, VendorRejected

T = TypeVar("T")

MAX_QUERY_ROWS = 50_000
# Names us in the org's API usage and lets support find our calls.
CLIENT = "client=Counterfoil"
_USAGE = re.compile(r"(?:^|[;\s])api-usage=(\d+)/(\d+)")


def _number(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"{type(value).__name__} cannot be sent to Salesforce")


class SalesforceApi:
    """One org. Every call raises VendorUnavailable, VendorDenied or VendorRejected, and nothing else of Salesforce's.

    Args:
        name: the org's name, for traces and error messages.
        org: its settings.
        clock: for the sign-in.

    Raises:
        ConfigurationError: the secret of the sign-in cannot be read, or cannot sign.
    """

    def __init__(self, name: str, org: config.Org, clock: Clock) -> None:
        self._name = name
        self._org = org
        self._calls = Calls("salesforce", unavailable=UNAVAILABLE, translate=translate, name=name)
        self._http = requests.Session()
        for scheme in ("https://", "http://"):
            self._http.mount(scheme, HTTPAdapter(pool_maxsize=CALL_THREADS))
        # Without a handler requests would look into the user's .netrc and replace our token by a password found there.
        self._http.auth = lambda request: request
        self._http.hooks["response"].append(self._note_usage)
        self._sign_in = SignIn(name, org, clock, self._calls, self._http)
        self.usage: tuple[int, int] | None = None
        """Requests of the last 24 hours and how many the org may make, as last reported."""
        self.calls = 0
        """Requests that count against the org's allowance, made by this client since it was built."""
        self.bulk = BulkIngest(self._exchange)
        """Bulk API 2.0, for loads of unrelated records."""

    async def session(self, *, refresh_after: Session | None = None) -> Session:
        """Return a session; a new one if the current one equals `refresh_after`. All waiters share one sign-in."""
        return await self._sign_in.session(refresh_after)

    async def query(self, soql: str, *, limit: int = 2000) -> Rows:
        """Run a query and return all rows, page after page; fractions are Decimals.

        Args:
            soql: with values put in by `format_soql`, never by formatting of one's own.
            limit: the most rows to take, at most 50,000.

        Raises:
            VendorRejected: the query is wrong, or has more than `limit` rows.
        """
        if not 1 <= limit <= MAX_QUERY_ROWS:
            raise ValueError(f"limit must be from 1 to {MAX_QUERY_ROWS}")

        def call(sf: Salesforce) -> Rows:
            return self._rows(sf, page(self._json(sf, "GET", "query", params={"q": soql})), limit)

        return await self._run("query", "", call)

    async def queries(self, soql: Sequence[str], *, limit: int = 2000) -> list[Rows | VendorError]:
        """Run up to five queries in one call; each is answered by all its rows or by its own error.

        Raises:
            VendorError: the call as a whole had no result.
        """
        body = orjson.dumps(together(soql, self._org.api_version))

        def each(sf: Salesforce, first: dict[str, Any]) -> Rows | VendorError:
            try:
                return self._rows(sf, first, limit)
            except VendorRejected as error:
                return error

        def call(sf: Salesforce) -> list[Rows | VendorError]:
            found = pages(self._json(sf, "POST", "composite", data=body), soql)
            return [one if isinstance(one, VendorError) else each(sf, one) for one in found]

        return await self._run("query", "", call)

    async def describe(self, sobject: str) -> dict[str, Any] | None:
        """Return the describe of an object; None when the org lacks it or the user cannot see it."""

        def call(sf: Salesforce) -> dict[str, Any] | None:
            try:
                return dict(self._json(sf, "GET", f"sobjects/{quote(sobject, safe='')}/describe"))
            except SalesforceResourceNotFound:
                return None

        return await self._run("describe", sobject, call)

    async def upsert(self, sobject: str, key_field: str, records: Sequence[dict[str, Any]]) -> list[RecordResult]:
        """Create or update up to 200 records by an external id, each for itself; results in the order sent.

        Two records of one call must not share the external id.
        """
        return await self._write("upsert", Write(sobject, key_field, records))

    async def create(self, sobject: str, records: Sequence[dict[str, Any]]) -> list[RecordResult]:
        """Create up to 200 records or publish up to 200 events, each for itself; results in the order sent.

        It has no key: when the answer is lost, nobody knows whether they were made.
        """
        return await self._write("create", Write(sobject, None, records), "POST")

    async def notify(self, given: dict[str, Any]) -> None:
        """Send one custom notification: the input of the action customNotificationAction."""
        body = orjson.dumps({"inputs": [given]})

        def call(sf: Salesforce) -> None:
            answer = self._json(sf, "POST", "actions/standard/customNotificationAction", data=body)
            if not (isinstance(answer, list) and answer and isinstance(answer[0], dict)):
                raise unreadable("notification")
            if answer[0].get("isSuccess") is not True:
                raise classify(answer[0].get("errors"))

        await self._run("notify", "CustomNotification", call)

    async def update(self, sobject: str, records: Sequence[dict[str, Any]]) -> list[RecordResult]:
        """Update up to 200 records, each with its "id" and each for itself; results in the order sent."""
        return await self._write("update", Write(sobject, None, records))

    async def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Do up to five writes in one call, in their order; each is answered by its results or by its own error.

        A write of a child may name a parent that an earlier write of the same call makes.

        Raises:
            VendorError: the call as a whole had no result.
        """
        body = orjson.dumps(composite(writes, self._org.api_version), default=_number)

        def call(sf: Salesforce) -> list[Outcome]:
            return results(self._json(sf, "POST", "composite", data=body), writes)

        return await self._run("write", ",".join(write.sobject for write in writes), call)

    async def organization(self) -> dict[str, Any]:
        """Return Id, Name, IsSandbox, InstanceName and OrganizationType of the org we are signed in to."""
        rows = await self.query("SELECT Id, Name, IsSandbox, InstanceName, OrganizationType FROM Organization LIMIT 1")
        if not rows:
            raise unreadable("organization")
        return {name: value for name, value in rows[0].items() if name != "attributes"}

    def close(self) -> None:
        """Take no more calls and close the connections."""
        self._calls.close()
        self._http.close()

    def _rows(self, sf: Salesforce, first: dict[str, Any], limit: int) -> Rows:
        """Return the rows of a page and of all that follow it."""
        rows: Rows = []
        found = first
        while True:
            rows += found["records"]
            if len(rows) > limit or found["totalSize"] > limit:
                raise VendorRejected(f"the query has more than {limit} rows", vendor="salesforce", reason=REJECTED)
            if found["done"]:
                return rows
            found = page(self._json(sf, "GET", f"query/{found['nextRecordsUrl'].rsplit('/', 1)[-1]}"))

    async def _write(self, operation: str, write: Write, method: str = "PATCH") -> list[RecordResult]:
        if len(write.records) > MAX_RECORDS:
            raise ValueError(f"a call takes at most {MAX_RECORDS} records")
        if not write.records:
            return []
        body = orjson.dumps(write.body(), default=_number)

        def call(sf: Salesforce) -> list[RecordResult]:
            return write.read(self._json(sf, method, path_of(write), data=body))

        return await self._run(operation, write.sobject, call)

    async def _exchange(
        self, operation: str, sobject: str, method: str, path: str, *, data: bytes | None, content: str, accept: str
    ) -> str:
        """Make one call whose body and answer need not be JSON; return the answer's text."""

        def call(sf: Salesforce) -> str:
            answer: requests.Response = call_salesforce(
                f"{sf.base_url}{path}",
                method,
                self._http,
                {**sf.headers, "Content-Type": content, "Accept": accept},
                data=data,
                timeout=timeouts(self._org.timeout_seconds),
                verify=str(self._org.ca_file) if self._org.ca_file else True,
                allow_redirects=False,
            )
            return answer.content.decode()

        return await self._run(operation, sobject, call)

    async def _run(self, operation: str, sobject: str, call: Callable[[Salesforce], T]) -> T:
        attributes = {"counterfoil.org": self._name, "salesforce.sobject": sobject}
        session = await self._sign_in.session()
        try:
            return await self._calls.run(operation, attributes, self._bound(call, session))
        except VendorDenied as error:
            if error.code != EXPIRED_SESSION:
                raise
        # Salesforce refused the call before doing anything, so this one repetition cannot do it twice.
        session = await self._sign_in.session(refresh_after=session)
        return await self._calls.run(operation, attributes, self._bound(call, session))

    def _bound(self, call: Callable[[Salesforce], T], session: Session) -> Callable[[Span], T]:
        def with_session(_: Span) -> T:
            sf = Salesforce(
                session_id=session.access_token,
                instance_url=session.instance_url,
                version=self._org.api_version,
                session=self._http,
                parse_float=Decimal,
                object_pairs_hook=dict,
            )
            # The library writes https itself; an instance on this machine may speak plain http.
            sf.base_url = f"{session.instance_url}/services/data/v{self._org.api_version}/"
            sf.headers |= {"Sforce-Call-Options": CLIENT, "X-PrettyPrint": "0"}
            return call(sf)

        return with_session

    def _json(self, sf: Salesforce, method: str, path: str, **options: Any) -> Any:
        """Make one call; the certificate is named each time, since the environment would win over the session's."""
        return sf.restful(
            path,
            method=method,
            timeout=timeouts(self._org.timeout_seconds),
            verify=str(self._org.ca_file) if self._org.ca_file else True,
            allow_redirects=False,
            **options,
        )

    def _note_usage(self, answer: requests.Response, **_: Any) -> None:
        found = _USAGE.search(answer.headers.get("Sforce-Limit-Info", ""))
        if found:
            self.usage = int(found[1]), int(found[2])
            self.calls += 1
