"""The search endpoints and their query language (docs.stripe.com/search).

Stripe finds what is new within a minute; here it is found at once. Which fields may be asked about, and how, is
Stripe's table; what it does not list is refused.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from counterfoil_sandbox.stripe.errors import Json, invalid
from counterfoil_sandbox.stripe.params import Integer, Params, Text
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.store import Table
from counterfoil_sandbox.stripe.world import World

MAX_CLAUSES = 10
_LEAST_SUBSTRING = 3
_CLAUSE = re.compile(
    r"""(?P<minus>-?)(?P<field>[A-Za-z_][\w.]*)(?:\[(?P<key>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\])?
        (?P<operator>:|~|>=|<=|>|<)(?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|null|-?\d+(?:\.\d+)?)""",
    re.VERBOSE | re.IGNORECASE,
)
_JOINT = re.compile(r"\s+(?:(and|or)\s+)?", re.IGNORECASE)
_CARD = "payment_method_details.card."
# which table; the fields that match as a whole, in part as well, or by size
_SEARCHED: dict[str, tuple[Callable[[World], Table], str, frozenset[str], frozenset[str], frozenset[str]]] = {
    "charges": (
        lambda world: world.charges,
        "charge",
        frozenset(
            (
                "billing_details.address.postal_code",
                "currency",
                "customer",
                "disputed",
                "refunded",
                "status",
                *(_CARD + name for name in ("brand", "exp_month", "exp_year", "fingerprint", "last4")),
            )
        ),
        frozenset(),
        frozenset(("amount", "created")),
    ),
    "customers": (
        lambda world: world.customers,
        "customer",
        frozenset(),
        frozenset(("email", "name", "phone")),
        frozenset(("created",)),
    ),
    "invoices": (
        lambda world: world.invoices,
        "invoice",
        frozenset(("currency", "customer", "number", "receipt_number", "status", "subscription")),
        frozenset(),
        frozenset(("created", "total")),
    ),
    "payment_intents": (
        lambda world: world.payment_intents,
        "payment_intent",
        frozenset(("currency", "customer", "status")),
        frozenset(),
        frozenset(("amount", "created")),
    ),
    "prices": (
        lambda world: world.prices,
        "price",
        frozenset(("active", "currency", "lookup_key", "product", "type")),
        frozenset(),
        frozenset(),
    ),
    "products": (
        lambda world: world.products,
        "product",
        frozenset(("active", "shippable")),
        frozenset(("description", "name", "url")),
        frozenset(),
    ),
}
_SIZES: dict[str, Callable[[float, float], bool]] = {
    ":": lambda have, wanted: have == wanted,
    ">": lambda have, wanted: have > wanted,
    ">=": lambda have, wanted: have >= wanted,
    "<": lambda have, wanted: have < wanted,
    "<=": lambda have, wanted: have <= wanted,
}


@dataclass(frozen=True)
class Clause:
    """One condition; `value` is None where the query says null."""

    field: str
    key: str | None
    operator: str
    value: str | None
    negated: bool
    sized: bool

    def holds(self, row: Json) -> bool:
        """Tell whether an object meets the condition."""
        return self._meets(self._found(row)) != self.negated

    def _found(self, row: Json) -> Any:
        current: Any = row
        for part in self.field.split("."):
            current = current.get(part) if isinstance(current, dict) else None
        return (current or {}).get(self.key) if self.key is not None else current

    def _meets(self, found: Any) -> bool:
        if found is None or self.value is None:
            return found is None and self.value is None
        if self.sized:
            return _SIZES[self.operator](float(found), float(self.value))
        have, wanted = str(found).lower(), self.value.lower()
        return wanted in have if self.operator == "~" else have == wanted


def parse(query: str, resource: str) -> tuple[list[Clause], bool]:
    """Return the clauses of a query, and whether any of them is enough.

    Raises:
        StripeError: 400 for a query that cannot be read, or a field that cannot be searched by.
    """
    clauses: list[Clause] = []
    joints: set[str] = set()
    position, text = 0, query.strip()
    while True:
        match = _CLAUSE.match(text, position)
        if match is None:
            raise _unreadable()
        clauses.append(_clause(match, resource))
        position = match.end()
        if position == len(text):
            break
        joint = _JOINT.match(text, position)
        if joint is None:
            raise _unreadable()
        joints.add((joint.group(1) or "and").lower())
        position = joint.end()
    if len(clauses) > MAX_CLAUSES:
        raise invalid(f"A search query may have at most {MAX_CLAUSES} clauses.", "query")
    if len(joints) > 1:
        raise invalid("A search query may combine its clauses with either `AND` or `OR`, and not with both.", "query")
    return clauses, joints == {"or"}


def _clause(match: re.Match[str], resource: str) -> Clause:
    _, _, whole, partly, sized = _SEARCHED[resource]
    field, operator, key = match["field"].lower(), match["operator"], match["key"]
    if field not in whole | partly | sized and not (field == "metadata" and key):
        shown = resource.replace("_", "-")
        raise invalid(
            f"Field `{field}` is an unsupported search field for resource `{resource}`. See "
            f"http://stripe.com/docs/search#query-fields-for-{shown} for a list of supported fields.",
            "query",
        )
    quoted = match["value"][0] in "'\""
    value = _plain(match["value"]) if quoted else match["value"]
    wanted = None if not quoted and value.lower() == "null" else value
    if (
        (operator == "~" and (field not in partly or wanted is None or len(wanted) < _LEAST_SUBSTRING))
        or (operator not in ":~" and (field not in sized or wanted is None))
        or (field in sized and wanted is not None and re.fullmatch(r"-?\d+(\.\d+)?", wanted) is None)
        or (not quoted and wanted is not None and field not in sized)
    ):
        raise _unreadable()
    return Clause(field, _plain(key) if key else None, operator, wanted, bool(match["minus"]), field in sized)


def _plain(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted[1:-1])


def _unreadable() -> Exception:
    return invalid(
        'We were unable to parse your search query. Try using the format `metadata["key"]:"value"` to query for '
        'metadata or key:"value" to query for other fields.',
        "query",
    )


def search(world: World, call: Call) -> Json:
    """GET /v1/{resource}/search: newest first; `next_page` is the id after which the next page begins."""
    resource = call.path.split("/")[2]
    clauses, any_of = parse(call.params["query"], resource)
    joined = any if any_of else all
    rows = [
        row
        for row in reversed(_SEARCHED[resource][0](world).rows.values())
        if not row.get("deleted") and joined(clause.holds(row) for clause in clauses)
    ]
    start = 0
    if page := call.get("page"):
        places = [place for place, row in enumerate(rows) if row["id"] == page]
        if not places:
            raise invalid("Invalid page: it is not a page of this search.", "page")
        start = places[0] + 1
    limit = call.get("limit", 10)
    data = rows[start : start + limit]
    more = len(rows) > start + limit
    found = {"object": "search_result", "data": data, "has_more": more, "url": f"/v1/{resource}/search"}
    counted = {"total_count": len(rows)} if call.get("total_count") else {}
    return found | {"next_page": data[-1]["id"] if more else None} | counted


_PARAMS = Params({"query": Text(), "limit": Integer(1, 100), "page": Text()}, required=("query",))
ENDPOINTS = [
    Endpoint("GET", f"/v1/{name}/search", search, entry[1], _PARAMS, listing=True) for name, entry in _SEARCHED.items()
]
