"""Standard objects as a Sales Cloud org with several currencies has them, one small table per object.

The tables carry facts of the Object Reference (developer.salesforce.com/docs/atlas.en-us.object_reference.meta): name,
type with size, flags and references. First line: object, key prefix, label, plural, options. Flags: c create, u update,
d defaulted on create, n nillable, f filter, s sort, g group, l idLookup, r restricted picklist. Fields that need
features such an org lacks (person accounts, territories, order management) are left out on purpose. An object with the
option `optional` is there only in an org that has the feature: the payment objects, whose sums are not imitated.
"""

import re
from collections.abc import Collection
from importlib import resources

from counterfoil_sandbox.salesforce.model import Field, PicklistValue, SObject

CURRENCIES = ("USD", "EUR", "GBP", "JPY", "KWD")
_TYPE = re.compile(r"(\w+)(?:\((\d+)(?:,(\d+))?\))?")
_LENGTHS = {"reference": 18, "id": 18, "address": 0, "boolean": 0}


def load_standard_objects(features: Collection[str] = ()) -> list[SObject]:
    """Read every table of this package; the optional ones only if one of them is named in `features`."""
    tables = sorted(
        (file for file in resources.files(__name__).iterdir() if file.name.endswith(".fields")),
        key=lambda file: file.name,
    )
    texts = [file.read_text() for file in tables]
    optional = {text.partition("|")[0] for text in texts if "optional" in text.partition("\n")[0]}
    wanted = optional if optional & set(features) else set()
    return [
        _parse(text) for text in texts if text.partition("|")[0] in wanted or text.partition("|")[0] not in optional
    ]


def system_fields(*, viewed: bool, deletable: bool = True) -> list[Field]:
    """Return the fields the platform itself fills."""
    fields = [
        Field("IsDeleted", "boolean", "Deleted", nillable=False, defaulted=True, default=False),
        _stamp("CreatedDate"),
        _user("CreatedById", "CreatedBy"),
        _stamp("LastModifiedDate"),
        _user("LastModifiedById", "LastModifiedBy"),
        _stamp("SystemModstamp"),
    ]
    if viewed:
        fields += [Field(name, "datetime", label_of(name)) for name in ("LastViewedDate", "LastReferencedDate")]
    return fields if deletable else fields[1:]


def _stamp(name: str) -> Field:
    return Field(name, "datetime", label_of(name), nillable=False, defaulted=True)


def _user(name: str, relationship: str) -> Field:
    return Field(
        name,
        "reference",
        label_of(name),
        length=18,
        nillable=False,
        defaulted=True,
        reference_to=("User",),
        relationship=relationship,
    )


def id_field(label: str) -> Field:
    """Return the Id field every object has."""
    return Field(
        name="Id", type="id", label=label, length=18, nillable=False, defaulted=True, id_lookup=True, groupable=True
    )


def label_of(name: str) -> str:
    """Make a label from an API name."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return re.sub(r" Id$", " ID", words)


def currency_values() -> tuple[PicklistValue, ...]:
    """Return the org's active currencies as picklist values, the corporate one being the default."""
    return tuple(PicklistValue(code, code, default=code == CURRENCIES[0]) for code in CURRENCIES)


def _parse(text: str) -> SObject:
    head, *lines = text.strip().splitlines()
    name, prefix, label, plural, options = head.split("|")
    sobject = SObject(
        name,
        prefix,
        label,
        plural,
        writeable="setup" not in options,
        hard_delete="hard-delete" in options,
        viewed="viewed" in options,
    )
    sobject.add([id_field(f"{label} ID")])
    sobject.add(_parse_field(line) for line in lines)
    sobject.add(system_fields(viewed=sobject.viewed, deletable=sobject.writeable))
    return sobject


def _parse_field(line: str) -> Field:
    name, type_text, flags, extras_text = (*line.split("|"), "", "")[:4]
    match = _TYPE.fullmatch(type_text)
    if match is None:
        raise ValueError(f"bad field line {line!r}")
    kind, first, second = match.group(1), int(match.group(2) or 0), int(match.group(3) or 0)
    extras = dict(part.partition("=")[::2] for part in extras_text.split(";") if part)
    sized = second or kind in {"currency", "double", "percent"}
    return Field(
        name=name,
        type=kind,
        label=label_of(name),
        length=_LENGTHS.get(kind, 0 if sized or kind == "int" else first),
        precision=first if sized or kind == "int" else 0,
        scale=second,
        createable="c" in flags,
        updateable="u" in flags,
        nillable="n" in flags,
        defaulted="d" in flags or kind == "boolean",
        default=False if kind == "boolean" else extras.get("default"),
        filterable="f" in flags,
        sortable="s" in flags,
        groupable="g" in flags,
        id_lookup="l" in flags,
        restricted="r" in flags,
        picklist=_values(extras.get("values", "")),
        reference_to=tuple(filter(None, extras.get("to", "").split(","))),
        relationship=extras.get("as"),
        children=extras.get("children"),
        on_delete=extras.get("delete", "setnull"),
        is_name="name" in extras,
        auto_number=extras.get("auto"),
    )


def _values(text: str) -> tuple[PicklistValue, ...]:
    if text == "@currencies":
        return currency_values()
    return tuple(PicklistValue(value, value) for value in text.split(",") if value)
