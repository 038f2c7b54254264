"""The one question of the Tooling API that is imitated: which objects' changes the org captures.

After "PlatformEventChannelMember" of the Tooling API Developer Guide. Conditions are refused.
"""

import re

from counterfoil_sandbox.salesforce.api.call import Answer, Call
from counterfoil_sandbox.salesforce.errors import not_imitated
from counterfoil_sandbox.salesforce.org import Org

_QUERY = re.compile(r"SELECT\s+([\w,\s]+?)\s+FROM\s+PlatformEventChannelMember\s*", re.IGNORECASE)


def query(org: Org, call: Call) -> Answer:
    """``GET /tooling/query?q=...``."""
    found = _QUERY.fullmatch(call.query.get("q", ""))
    wanted = [name.strip() for name in found.group(1).split(",")] if found else []
    known = {"EventChannel": "ChangeEvents", "SelectedEntity": ""}
    if not wanted or set(wanted) - known.keys():
        raise not_imitated("this query of the Tooling API")
    rows = [known | {"SelectedEntity": f"{name}ChangeEvent"} for name in org.changes.entities]
    attributes = {"attributes": {"type": "PlatformEventChannelMember"}}
    records = [attributes | {name: row[name] for name in wanted} for row in rows]
    return Answer(200, {"size": len(records), "totalSize": len(records), "done": True, "records": records})
