"""SOQL: the part of the language that integrations use, parsed by hand and run over the store.

TYPEOF, ROLLUP, currency conversion and other constructs are recognised and refused as not imitated; a
query is never answered approximately.
"""

from counterfoil_sandbox.salesforce.soql.parser import parse
from counterfoil_sandbox.salesforce.soql.run import QueryResult, run_query

__all__ = ["QueryResult", "parse", "run_query"]
