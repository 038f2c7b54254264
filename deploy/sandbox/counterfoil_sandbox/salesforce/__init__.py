"""A stateful stand-in for a Salesforce org's REST side: OAuth, describe, records, SOQL, and publishing events.

It deploys an SFDX package at start and refuses to start with metadata it cannot honour. Not imitated (answered 501):
Bulk API, SOSL, Tooling, aggregates in SOQL, composite graph and tree, triggers and Apex.
"""

from counterfoil_sandbox.salesforce.deployment import MetadataError
from counterfoil_sandbox.salesforce.sandbox import SalesforceSandbox

__all__ = ["MetadataError", "SalesforceSandbox"]
