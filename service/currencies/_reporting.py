"""What each legal entity reports in, and where the rates come from: its own setting, else that of its org."""

from typing import NamedTuple

from service.config import Installation


class Reporting(NamedTuple):
    """The currency an entity reports in, and where rates to it come from: stripe, salesforce or salesforce_dated."""

    currency: str
    rates: str = "stripe"


def reporting_of(installation: Installation, org: str | None = None) -> dict[str, Reporting]:
    """Return what the entities (of one org) report in, of those that do."""
    found: dict[str, Reporting] = {}
    for name, entity in installation.entities.items():
        own_org = installation.orgs[entity.org]
        currency = entity.reporting_currency or own_org.reporting_currency
        if currency is not None and org in {None, entity.org}:
            found[name] = Reporting(currency, entity.rates or own_org.rates)
    return found
