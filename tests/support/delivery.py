"""Deliverers, desired records and a clock that can be put forward, for a real database and the sandbox."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from service import outbox
from service.clients import SalesforceApi
from service.clock import SystemClock
from service.config import Delivery, Org
from service.db import Database, Wakes
from service.delivery import Deliverer
from service.domain import DesiredRecord, Reference
from tests.support.sandbox import RunningSandbox

WRITES = "/services/data/v66.0/composite"
JOBS = "/services/data/v66.0/jobs"


@dataclass
class ShiftedClock:
    """The machine's time, put forward as a test wants; nothing is left to chance."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return SystemClock().now() + self.ahead

    def new_id(self) -> UUID:
        return SystemClock().new_id()

    def jitter(self, span: timedelta) -> timedelta:
        return span * 0


def payment(key: str, *, lane: str | None = None, org: str = "main", **fields: Any) -> DesiredRecord:
    return DesiredRecord(
        org,
        "Payment__c",
        "Stripe_Id__c",
        key,
        {"Amount__c": Decimal("10.50"), "Entity__c": "acme", **fields},
        lane or key,
        0,
    )


def charge(key: str, of: str, *, lane: str | None = None, **fields: Any) -> DesiredRecord:
    parent = Reference("Payment__c", "Stripe_Id__c", of)
    values = {"Payment__c": parent, "Captured__c": True, **fields}
    return DesiredRecord("main", "Charge__c", "Stripe_Id__c", key, values, lane or of, 1, parent)


def org_settings(sandbox: RunningSandbox) -> Org:
    told = sandbox.info["salesforce"]
    return Org.model_validate(
        {
            "org_id": told["org_id"],
            "is_sandbox": told["is_sandbox"],
            "login_url": told["url"],
            "ca_file": told["ca_file"],
            "auth": {
                "flow": "jwt_bearer",
                "client_id": told["client_id"],
                "username": told["username"],
                "private_key": {"file": told["jwt_key_file"]},
                "audience": told["url"],
            },
        }
    )


@dataclass
class Line:
    """One way to Salesforce: a database, an org, and as many deliverers as a test wants."""

    database: Database
    sandbox: RunningSandbox
    clock: ShiftedClock
    wakes: Wakes
    api: SalesforceApi
    apis: list[SalesforceApi] = field(default_factory=list)

    def deliverer(self, holder: str = "one", *, api: SalesforceApi | None = None, **terms: Any) -> Deliverer:
        limit = terms.pop("attempts_limit", 20)
        lease = terms.pop("lease", timedelta(seconds=10))
        batch = terms.pop("batch_limit", 200)
        return Deliverer(
            self.database,
            self.wakes,
            self.clock,
            org="main",
            salesforce=api or self.api,
            names={},
            terms=Delivery.model_validate(terms),
            holder=holder,
            lease=lease,
            call_timeout=timedelta(seconds=30),
            batch_limit=batch,
            attempts_limit=limit,
        )

    async def put(self, *records: DesiredRecord) -> int:
        async with self.database.transaction() as tx:
            return await outbox.put(tx, records, now=self.clock.now())

    async def rows(self, columns: str = "key, state") -> list[tuple[Any, ...]]:
        async with self.database.read() as tx:
            query = f"SELECT {columns} FROM outbox ORDER BY sobject, key"  # noqa: S608  (the test's own words)
            return [tuple(row) for row in await tx.execute(text(query))]

    async def states(self) -> dict[str, str]:
        return {str(key): str(state) for key, state in await self.rows()}

    async def held(self, fields: str, sobject: str = "Payment__c") -> list[dict[str, Any]]:
        query = f"SELECT {fields} FROM {sobject} ORDER BY Stripe_Id__c"  # noqa: S608  (the test's own words)
        rows = await self.api.query(query, limit=50_000)
        return [{name: value for name, value in row.items() if name != "attributes"} for row in rows]

    def fault(self, kind: str, **options: Any) -> None:
        self.sandbox.control("POST", "/salesforce/faults", {"fault": kind, "path_prefix": WRITES, **options})

    def requests(self, part: str = "/composite") -> list[dict[str, Any]]:
        found: Sequence[dict[str, Any]] = self.sandbox.control("GET", "/salesforce/requests")["requests"]
        return [entry for entry in found if part in entry["path"]]

    async def drain(self, deliverer: Deliverer, *, steps: int = 50) -> int:
        """Step until nothing is left to do; return how many records were handled."""
        done = 0
        for _ in range(steps):
            handled = await deliverer.step()
            if not handled:
                break
            done += handled
        return done
