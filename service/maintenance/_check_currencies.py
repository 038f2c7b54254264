"""Checking that an org has the rates which the configuration takes from it; others are not asked."""

from service.clients import SalesforceApi
from service.config import Installation
from service.currencies import DATED, reporting_of
from service.maintenance._currencies import read_book
from service.maintenance._finding import Finding, fault, ok

_CHECK = "rates of Salesforce"


async def check_currencies(name: str, installation: Installation, api: SalesforceApi) -> list[Finding]:
    """Return what was found of an org's currencies.

    Raises:
        VendorError: the org did not answer.
    """
    wanted = {entity: one for entity, one in reporting_of(installation, name).items() if one.rates != "stripe"}
    if not wanted:
        return []
    book = await read_book(api, dated=any(one.rates == DATED for one in wanted.values()))
    if not book.static:
        detail, remedy = "the org has a single currency, and no rates", "Use rates: stripe, and set the org's currency"
        return [fault(f"orgs.{name}", _CHECK, detail, remedy)]
    findings: list[Finding] = []
    for entity, one in wanted.items():
        subject = f"entities.{entity}"
        if one.rates == DATED and not book.dated:
            remedy = "Switch advanced currency management on, or use rates: salesforce"
            findings.append(fault(subject, _CHECK, "the org has no dated rates", remedy))
        elif one.currency not in (book.dated if one.rates == DATED else book.static) and one.currency != book.corporate:
            remedy = "Add the currency under Setup > Manage Currencies"
            findings.append(fault(subject, _CHECK, f"the org has no rate of {one.currency}", remedy))
        else:
            findings.append(ok(subject, _CHECK, f"{one.currency}, {one.rates}, of {len(book.static)} currencies"))
    return findings
