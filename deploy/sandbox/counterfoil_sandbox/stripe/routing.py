"""Which function answers which request, and which paths Stripe has that this sandbox does not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from counterfoil_sandbox.stripe.errors import Json, not_imitated, unrecognized
from counterfoil_sandbox.stripe.params import Params
from counterfoil_sandbox.stripe.world import World

Handler = Callable[[World, "Call"], Json]


@dataclass
class Call:
    """One request, decoded: typed parameters and the ids of its path."""

    params: Json
    ids: Json
    request_id: str = ""
    path: str = ""

    def get(self, name: str, default: Any = None) -> Any:
        """Return a parameter."""
        return self.params.get(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self.params


@dataclass(frozen=True)
class Endpoint:
    """One method on one path; `returns` names the object type whose properties may be expanded."""

    method: str
    template: str
    handler: Handler
    returns: str
    params: Params = field(default_factory=Params)
    listing: bool = False


class Router:
    """Finds the endpoint of a request."""

    def __init__(self, endpoints: list[Endpoint]) -> None:
        self._routes: dict[tuple[str, int], list[tuple[list[str], Endpoint]]] = {}
        for endpoint in endpoints:
            parts = endpoint.template.strip("/").split("/")
            self._routes.setdefault((endpoint.method, len(parts)), []).append((parts, endpoint))
        for routes in self._routes.values():
            routes.sort(key=lambda route: sum(part.startswith("{") for part in route[0]))
        self._vendor = _vendor_paths()

    def find(self, method: str, path: str) -> tuple[Endpoint, Json]:
        """Return the endpoint and its path parameters, or raise 501 for a path of Stripe's and 404 for any other."""
        parts = path.removeprefix("/").split("/")
        literal = any(parts == template for _, template in self._vendor.get(len(parts), ()))
        for template, endpoint in self._routes.get((method, len(parts)), ()):
            if _fits(template, parts) and (template == parts or not literal):
                ids = {name[1:-1]: part for name, part in zip(template, parts, strict=True) if name.startswith("{")}
                return endpoint, ids
        for vendor_method, template in self._vendor.get(len(parts), ()):
            if vendor_method == method and _fits(template, parts):
                raise not_imitated(f"{method} /{'/'.join(template)}")
        raise unrecognized(method, path)


def _fits(template: list[str], parts: list[str]) -> bool:
    return all(
        part == wanted or (wanted.startswith("{") and part) for wanted, part in zip(template, parts, strict=True)
    )


def _vendor_paths() -> dict[int, list[tuple[str, list[str]]]]:
    """Read Stripe's published paths, grouped by their number of segments."""
    found: dict[int, list[tuple[str, list[str]]]] = {}
    listed = files("counterfoil_sandbox.stripe").joinpath("vendor_paths.txt").read_text(encoding="utf-8")
    for line in listed.splitlines():
        if line and not line.startswith("#"):
            method, path = line.split()
            parts = path.strip("/").split("/")
            found.setdefault(len(parts), []).append((method, parts))
    return found
