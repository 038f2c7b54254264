"""Planning: the mappings against the live orgs, and what they would change in chosen records. Nothing is written."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from service import outbox
from service.bootstrap._store import open_store
from service.clients import SalesforceApi
from service.clock import SystemClock
from service.config import Installation, Settings
from service.currencies import reporting_of
from service.db import Database, Wakes, open_database
from service.errors import ConfigurationError, VendorError
from service.maintenance import Finding, Outcome, check_org, fault, verify_mappings
from service.maintenance.plan import ObjectPlan, RecordPlan, compare, written
from service.mirror import Lane
from service.projection import Projector
from service.sealing import open_vault

_RECORD_LIMIT = 200


@dataclass(slots=True)
class Report:
    """What a plan found: faults first, then what would be written, then what would change."""

    findings: list[Finding] = field(default_factory=list)
    objects: list[ObjectPlan] = field(default_factory=list)
    records: list[RecordPlan] = field(default_factory=list)

    @property
    def faults(self) -> int:
        """How many faults stand in the way."""
        return sum(finding.outcome is Outcome.FAULT for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "faults": self.faults,
            "checks": [finding.to_json() for finding in self.findings],
            "objects": [asdict(one) for one in self.objects],
            "records": [one.to_json() for one in self.records],
        }


def plan(settings: Settings, installation: Installation, *, orgs: Collection[str], ids: Sequence[str]) -> Report:
    """Check the mappings of orgs, and compare chosen records (by Stripe's or Salesforce's ids) with the org's.

    Raises:
        ConfigurationError: an org is not configured, too many records are chosen, a mapping cannot work at all, or the
            database does not answer.
    """
    if unknown := sorted(set(orgs) - set(installation.orgs)):
        raise ConfigurationError("--org", f"{unknown[0]!r} is not configured", "Use a name below 'orgs'")
    if len(ids) > _RECORD_LIMIT:
        raise ConfigurationError("--record", f"was given {len(ids)} times", f"Give at most {_RECORD_LIMIT} a run")
    verify_mappings(installation)
    names = [name for name in installation.orgs if not orgs or name in orgs]
    if not ids:
        return asyncio.run(_plan(installation, names, None, ids))
    with open_store(settings) as store:
        database = open_database(store.url, pool_size=2, vault=open_vault(settings))
        return asyncio.run(_plan(installation, names, database, ids))


async def _plan(
    installation: Installation, orgs: Sequence[str], database: Database | None, ids: Sequence[str]
) -> Report:
    report, clock = Report(), SystemClock()
    apis = {name: SalesforceApi(name, installation.orgs[name], clock) for name in orgs}
    try:
        for name, api in apis.items():
            report.findings += await check_org(name, installation, api, None)
            report.objects += written(name, installation.mappings.get(name, {}), installation.customer_fields_of(name))
        if database is not None:
            await _compare(installation, apis, database, ids, report)
    finally:
        for api in apis.values():
            api.close()
        if database is not None:
            await database.close()
    return report


async def _compare(
    installation: Installation,
    apis: Mapping[str, SalesforceApi],
    database: Database,
    ids: Sequence[str],
    report: Report,
) -> None:
    projector = Projector(
        database,
        Wakes(database.url),
        SystemClock(),
        entities=installation.entities,
        batch_limit=1,
        mappings=installation.mappings,
        reporting=reporting_of(installation),
    )
    missing = set(ids)
    for org, api in apis.items():
        async with database.read() as tx:
            known = await outbox.lanes_of(tx, org=org, ids=ids)
        keys = {key for _, key, _ in known}
        missing -= keys | {salesforce_id for _, _, salesforce_id in known if salesforce_id}
        entities = installation.entities_of(org)
        for lane in sorted({lane for lane, _, _ in known}) if entities else ():
            # A Stripe id has an underscore, a Salesforce id none.
            wanted, problems = await projector.preview([Lane(entities[0], lane, is_record="_" not in lane)])
            for problem in problems.values():
                report.findings.append(fault(f"orgs.{org}", f"project {lane}", problem, "See 'counterfoil failures'"))
            chosen = [record for record in wanted if record.key in keys]
            try:
                report.records += await compare(api, installation.mappings.get(org, {}), chosen)
            except VendorError as error:
                report.findings.append(fault(f"orgs.{org}", f"compare {lane}", error.message, "Correct the mapping"))
    for one in sorted(missing):
        remedy = "Give the id of an object or record that was delivered, or is about to be"
        report.findings.append(fault(one, "record", "is not known here", remedy))
