"""Deploying an SFDX package to the sandbox's org: objects, fields, value sets, events, flows, checked permission sets.

What has no effect on the APIs (layouts, tabs, labels) is accepted and ignored. Apex, Lightning web components and quick
actions are checked for being complete and never run: nobody presses a button here. What the sandbox cannot honour
(triggers, formulas, other kinds of flow) is refused by name, since an org that silently lacks it would prove nothing.
"""

from counterfoil_sandbox.salesforce.deployment.errors import MetadataError
from counterfoil_sandbox.salesforce.deployment.package import Package, read_package

__all__ = ["MetadataError", "Package", "read_package"]
