"""A stateful stand-in for a Salesforce org's REST side: OAuth, describe, records, SOQL, and publishing events.

It deploys an SFDX package at start and refuses to start with metadata it cannot honour. Not imitated (answered 501):
Bulk API, SOSL, Tooling, aggregates in SOQL, composite graph and tree. Writes raise no change events, and no permission
is checked: the one user may do everything, changing an activated order included.

Not verified against a live org, since none is at hand: the codes of refused order and line item changes, that an
unknown field fails its own record and not a whole collections call, the rounding of over-long fractions (half up here),
and the words of INVALID_CURRENCY_ISO and URI_TOO_LONG.
"""

from counterfoil_sandbox.salesforce.deployment import MetadataError
from counterfoil_sandbox.salesforce.sandbox import SalesforceSandbox

__all__ = ["MetadataError", "SalesforceSandbox"]
