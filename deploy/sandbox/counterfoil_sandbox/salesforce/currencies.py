"""The org's currencies as an administrator keeps them: rates, active ones, dated rates, or one currency only.

Sources: Object Reference, CurrencyType (not in an org with one currency) and DatedConversionRate (only with advanced
currency management); "About Advanced Currency Management" (the present rates become the first set of dated ones).
Since when that first set holds is not documented; here it is 2000-01-01.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from counterfoil_sandbox.salesforce.model import PicklistValue
from counterfoil_sandbox.salesforce.org import Org
from counterfoil_sandbox.salesforce.store import Row

STATIC, DATED, CODE = "CurrencyType", "DatedConversionRate", "CurrencyIsoCode"
FIRST = date(2000, 1, 1)


def change_currencies(org: Org, wanted: Mapping[str, Any]) -> None:
    """Change the org as an administrator does.

    Args:
        org: to change.
        wanted: ``add`` for rates of further currencies by code, ``rates`` of known ones by code, ``active`` codes,
            ``advanced`` true for dated rates, ``dated`` rows of code, start and rate, which replace those of the same
            code and start, and ``multi`` false for an org of one currency.

    Raises:
        ValueError: naming what makes no sense.
    """
    steps: dict[str, Callable[[Org, Any], None]] = {
        "add": _add,
        "rates": _rates,
        "active": _activate,
        "advanced": _advance,
        "dated": _date,
        "multi": _single,
    }
    if unknown := sorted(set(wanted) - set(steps)):
        raise ValueError(f"unknown {', '.join(unknown)}; known are {', '.join(steps)}")
    with org.store.transaction():
        for name, step in steps.items():
            if name in wanted:
                step(org, wanted[name])


def _types(org: Org) -> dict[str, Row]:
    return {row["IsoCode"]: row for row in org.store.table(STATIC).rows.values()}


def _put(org: Org, name: str, row: Row) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    stamps: Row = {"LastModifiedDate": now, "SystemModstamp": now}
    if "Id" not in row:
        user = org.seeded.user_id
        stamps |= {"Id": org.ids.make(org.schema.objects[name].key_prefix), "CreatedDate": now, "IsDeleted": False}
        row = row | {"CreatedById": user, "LastModifiedById": user}
    org.store.put(name, row | stamps)


def _rates(org: Org, wanted: Mapping[str, Any]) -> None:
    known = _types(org)
    for code, rate in wanted.items():
        if code not in known:
            raise ValueError(f"{code} is no currency of this org")
        _put(org, STATIC, known[code] | {"ConversionRate": Decimal(str(rate)).quantize(Decimal("0.000001"))})


def _add(org: Org, wanted: Mapping[str, Any]) -> None:
    for code, rate in wanted.items():
        known = {"IsoCode": code, "DecimalPlaces": 2, "IsActive": True, "IsCorporate": False}
        _put(org, STATIC, known | {"ConversionRate": Decimal(str(rate)).quantize(Decimal("0.000001"))})
        for sobject in org.schema.objects.values():
            for name in (CODE, "IsoCode"):
                if (field := sobject.find(name)) is not None:
                    sobject.add([replace(field, picklist=(*field.picklist, PicklistValue(code, code)))])
        if DATED not in org.schema.hidden:
            _date(org, [[code, FIRST.isoformat(), rate]])


def _activate(org: Org, wanted: list[str]) -> None:
    for code, row in _types(org).items():
        _put(org, STATIC, row | {"IsActive": code in wanted})
    for sobject in org.schema.objects.values():
        field = sobject.find(CODE)
        if field is not None:
            left = tuple(value for value in field.picklist if value.value in wanted)
            sobject.add([replace(field, picklist=left)])


def _advance(org: Org, wanted: object) -> None:
    if wanted is not True:
        raise ValueError("advanced currency management is only switched on here")
    org.schema.hidden.discard(DATED)
    for code, row in _types(org).items():
        _date(org, [[code, FIRST.isoformat(), row["ConversionRate"]]])


def _date(org: Org, wanted: list[list[Any]]) -> None:
    if DATED in org.schema.hidden:
        raise ValueError("dated rates need advanced currency management")
    for code, start, rate in wanted:
        day = date.fromisoformat(start)
        rows = [row for row in org.store.table(DATED).rows.values() if row["IsoCode"] == code]
        same = next((row for row in rows if row["StartDate"] == day), {"IsoCode": code, "StartDate": day})
        _put(org, DATED, same | {"ConversionRate": Decimal(str(rate)).quantize(Decimal("0.000001"))})
        _chain(org, code)


def _chain(org: Org, code: str) -> None:
    """Let each rate end where the next one of its currency starts."""
    rows = [row for row in org.store.table(DATED).rows.values() if row["IsoCode"] == code]
    rows.sort(key=lambda row: row["StartDate"])
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        org.store.put(DATED, row | {"NextStartDate": after["StartDate"] if after else None})


def _single(org: Org, wanted: object) -> None:
    if wanted is not False:
        raise ValueError("an org with several currencies never goes back: reset it")
    org.schema.hidden.update({STATIC, DATED})
    for sobject in org.schema.objects.values():
        sobject.remove(CODE)
