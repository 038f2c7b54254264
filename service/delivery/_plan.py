"""Which records go together: pure.

Parents before children, up to 200 of one object in a group, up to five groups in a call, records of one lane together.
A record that met a lock goes alone, so that it can hold up nothing but itself.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from service.outbox import Claimed

GROUP_RECORDS = 200
CALL_GROUPS = 5
LOCKED = "SALESFORCE_LOCKED"
# Each costs a call of its own.
MOST_ALONE = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent, call by call, each a list of groups; and what must wait for the next time."""

    calls: list[list[list[Claimed]]]
    later: list[Claimed]


def plan(records: Sequence[Claimed], *, group_records: int = GROUP_RECORDS) -> Plan:
    """Arrange records that are sorted by lane."""
    present = {(record.sobject, record.key) for record in records}
    together: dict[tuple[int, str, str], list[Claimed]] = defaultdict(list)
    locked: list[Claimed] = []
    later: list[Claimed] = []
    for record in records:
        if record.awaits is not None and record.awaits not in present:
            later.append(record)
        elif record.error_reason == LOCKED:
            locked.append(record)
        else:
            together[record.rank, record.sobject, record.key_field].append(record)
    groups = [list(chunk) for kind in sorted(together) for chunk in _chunks(together[kind], group_records)]
    alone = sorted(locked, key=lambda record: record.rank)
    calls = [[[record]] for record in alone[:MOST_ALONE]]
    calls += [groups[start : start + CALL_GROUPS] for start in range(0, len(groups), CALL_GROUPS)]
    return Plan(calls, later + alone[MOST_ALONE:])


def _chunks(records: Sequence[Claimed], size: int) -> list[Sequence[Claimed]]:
    return [records[start : start + size] for start in range(0, len(records), size)]
