"""The policy table: a row for every method of every service, and what each role may by it."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

import service.gen.counterfoil.v1 as contract
from service.access import OPEN, POLICY, Credentials, Gate, Principal, Rule, Scope
from service.clock import SystemClock
from service.config.access import Access, Caller, CallerRole
from service.errors import PermissionDenied
from tests.support.identities import Authority

ROLES = list(CallerRole)


def services() -> Iterator[ServiceDescriptor]:
    for module in pkgutil.iter_modules(contract.__path__, contract.__name__ + "."):
        descriptor = getattr(importlib.import_module(module.name), "DESCRIPTOR", None)
        if descriptor is not None:
            yield from descriptor.services_by_name.values()
    yield health_pb2.DESCRIPTOR.services_by_name["Health"]
    yield reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]


METHODS: dict[str, MethodDescriptor] = {
    f"/{one.full_name}/{method.name}": method for one in services() for method in one.methods
}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_row(method: str) -> None:
    assert method in POLICY, f"{method}: nobody may call it; add a row to service/access/_policy.py"


def test_every_row_is_of_a_method() -> None:
    assert set(POLICY) - set(METHODS) == set()


@pytest.mark.parametrize("method", [name for name, rule in POLICY.items() if rule.scope is Scope.ENTITY])
def test_what_is_kept_to_an_entity_names_one(method: str) -> None:
    field = METHODS[method].input_type.fields_by_name.get("entity")
    assert field is not None, f"{method}: the request has no field `entity`; choose another scope"
    assert field.type == FieldDescriptor.TYPE_STRING


@pytest.mark.parametrize("method", [name for name, rule in POLICY.items() if rule.roles is OPEN])
def test_only_health_is_open(method: str) -> None:
    assert method.startswith("/grpc.health.v1.Health/")


def test_who_asks_does_not_decide_and_who_looks_changes_nothing() -> None:
    for method, rule in POLICY.items():
        roles = rule.roles or frozenset()
        assert not roles or CallerRole.ADMIN in roles, method
        if CallerRole.VIEWER in roles:
            assert roles == frozenset(CallerRole), f"{method}: who may look is everybody"
        elif roles:
            assert len(roles - {CallerRole.ADMIN}) <= 1, f"{method}: one role's business"


class Callers:
    """A gate with a caller of each role, known by a certificate."""

    def __init__(self) -> None:
        authority = Authority()
        self.certificates = {role: authority.issue(role.value)[0] for role in ROLES}
        callers = {role.value: Caller(certificate=f"cn:{role.value}", roles=(role,), entities=("*",)) for role in ROLES}
        self.access = Access(callers=callers)

    async def may(self, method: str, role: CallerRole, policy: dict[str, Rule] | None = None) -> bool:
        gate = Gate(self.access, SystemClock(), policy or POLICY)
        try:
            principal = await gate.admit(method, Credentials((), lambda: self.certificates[role]))
        except PermissionDenied as error:
            if error.reason not in {"ROLE_MISSING", "PERMISSION_DENIED"}:
                raise
            return False
        assert POLICY[method].roles is OPEN or principal.name == role.value
        return True


@pytest.fixture(scope="module")
def callers() -> Callers:
    return Callers()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("method", METHODS)
async def test_every_method_with_every_role(callers: Callers, method: str, role: CallerRole) -> None:
    allowed = POLICY[method].roles
    assert await callers.may(method, role) is (allowed is OPEN or role in allowed)


@pytest.mark.parametrize("role", ROLES)
async def test_a_method_without_a_row_is_nobodys(callers: Callers, role: CallerRole) -> None:
    method = next(name for name, rule in POLICY.items() if rule.scope is Scope.ENTITY)
    rest = {name: rule for name, rule in POLICY.items() if name != method}
    assert await callers.may(method, role, rest) is False


async def test_a_method_without_a_row_is_not_even_anonymous_peoples() -> None:
    with pytest.raises(PermissionDenied, match="No policy"):
        await Gate(None, SystemClock()).admit("/counterfoil.v1.PaymentsService/DropEverything", Credentials(()))


_SCOPES = {"/e": Scope.ENTITY, "/f": Scope.FILTERED, "/w": Scope.WHOLE, "/n": Scope.NONE}


@pytest.mark.parametrize(
    ("method", "entity", "allowed"),
    [
        ("/e", "acme", True),
        ("/e", "other", False),
        ("/e", "", False),
        ("/e", None, False),
        ("/f", None, True),
        ("/f", "", True),
        ("/f", "acme", True),
        ("/f", "other", False),
        ("/w", None, False),
        ("/w", "acme", False),
        ("/n", None, True),
    ],
)
def test_a_caller_is_kept_to_its_entities(method: str, entity: str | None, allowed: bool) -> None:
    gate = Gate(None, SystemClock(), {name: Rule(frozenset(ROLES), scope) for name, scope in _SCOPES.items()})
    mine = Principal("billing", frozenset(ROLES), frozenset({"acme"}))
    everybodys = Principal("group", frozenset(ROLES), None)
    gate.admit_to(method, everybodys, entity)
    if allowed:
        gate.admit_to(method, mine, entity)
    else:
        with pytest.raises(PermissionDenied) as raised:
            gate.admit_to(method, mine, entity)
        assert raised.value.reason == "ENTITY_NOT_ALLOWED"
