"""One call with its groups, and what Salesforce says of each record.

A group that is refused as a whole is halved until the record that it is refused for stands alone; how many calls that
may cost is limited, and what was not tried then is tried another time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from service import telemetry
from service.clients import Outcome, RecordResult, SalesforceApi, Write
from service.delivery._render import render
from service.errors import VendorDenied, VendorError, VendorRejected
from service.mapping import Names, field_name, object_name
from service.outbox import Claimed

# To find one bad record among 200 takes fifteen.
_MOST_SEARCH_CALLS = 40
_LIMIT = "SALESFORCE_LIMIT"
# Said of a whole group, these are about the object or its key, which all of its records share.
_OF_ALL = frozenset({"NOT_FOUND", "INVALID_TYPE", "INVALID_EXTERNAL_ID_FIELD_NAME"})


class CallFailed(Exception):
    """The call as a whole had no result, which says nothing about its records."""

    def __init__(self, error: VendorError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(slots=True)
class Sent:
    """What Salesforce answered, by record, and what it was not asked after all."""

    results: list[tuple[Claimed, RecordResult]] = field(default_factory=list)
    untried: list[Claimed] = field(default_factory=list)

    @property
    def missing(self) -> set[tuple[str, str]]:
        """Object and key of what Salesforce does not hold as sent."""
        failed = [record for record, result in self.results if not result.success]
        return {(record.sobject, record.key) for record in (*failed, *self.untried)}

    def without_orphans(self) -> "Sent":
        """Leave out children that failed beside their parents: their own attempt is still to come."""
        missing = self.missing
        kept = [(record, result) for record, result in self.results if result.success or record.awaits not in missing]
        return Sent(kept, self.untried)


async def send(salesforce: SalesforceApi, names: Names, groups: Sequence[Sequence[Claimed]]) -> Sent:
    """Send groups, in their order.

    Raises:
        CallFailed: nothing is known about any of them.
    """
    outcomes = await _call(salesforce, names, groups)
    errors = [outcome for outcome in outcomes if isinstance(outcome, VendorError)]
    if len(errors) == len(outcomes) and not _is_about_records(errors[0]):
        raise CallFailed(errors[0])
    search = _Search(salesforce, names)
    for group, outcome in zip(groups, outcomes, strict=True):
        await search.take(group, outcome)
    return search.sent.without_orphans()


def _is_about_records(error: VendorError) -> bool:
    """Tell a refusal of what was sent from one of whoever sends."""
    return isinstance(error, VendorRejected) or (error.code or "").startswith("INSUFFICIENT_ACCESS")


async def _call(salesforce: SalesforceApi, names: Names, groups: Sequence[Sequence[Claimed]]) -> list[Outcome]:
    writes = [_write(names, group) for group in groups]
    objects = ",".join(write.sobject for write in writes)
    records = [record for group in groups for record in group]
    traces = {record.traceparent for record in records}
    attributes: dict[str, str | int | bool] = {
        "salesforce.org": records[0].org,
        "salesforce.object": objects,
        "records": len(records),
    }
    parent = next(iter(traces)) if len(traces) == 1 else None
    with telemetry.span("salesforce.deliver", parent=parent, attributes=attributes):
        try:
            outcomes = await _ask(salesforce, writes)
        except VendorError as error:
            outcomes = [error] * len(writes)
        for trace in traces - {None}:
            # Each payment's own trace ends here, whatever other payments shared the call.
            with telemetry.span("salesforce.write", parent=trace, attributes=attributes):
                pass
    return outcomes


async def _ask(salesforce: SalesforceApi, writes: Sequence[Write]) -> list[Outcome]:
    if len(writes) > 1:
        return await salesforce.write(writes)
    (write,) = writes
    if write.key_field is None:
        return [await salesforce.update(write.sobject, write.records)]
    return [await salesforce.upsert(write.sobject, write.key_field, write.records)]


def _write(names: Names, group: Sequence[Claimed]) -> Write:
    first = group[0]
    key_field = (
        None if first.key_field == "Id" else field_name(names, first.sobject, first.key_field) or first.key_field
    )
    return Write(object_name(names, first.sobject), key_field, [render(names, record) for record in group])


class _Search:
    """Takes outcomes, and looks for the culprits of groups that were refused as a whole."""

    def __init__(self, salesforce: SalesforceApi, names: Names) -> None:
        self._salesforce = salesforce
        self._names = names
        self._calls = 0
        self.sent = Sent()

    async def take(self, group: Sequence[Claimed], outcome: Outcome) -> None:
        """Note what became of a group."""
        if not isinstance(outcome, VendorError):
            self.sent.results += zip(group, outcome, strict=True)
        elif outcome.code is None or outcome.reason == _LIMIT:
            self.sent.untried += group  # nobody said anything about them
        elif len(group) == 1 or outcome.code in _OF_ALL or isinstance(outcome, VendorDenied):
            failed = RecordResult(success=False, id=None, created=False, error=outcome)
            self.sent.results += ((record, failed) for record in group)
        else:
            middle = len(group) // 2
            for half in (group[:middle], group[middle:]):
                if self._calls >= _MOST_SEARCH_CALLS:
                    self.sent.untried += half
                    continue
                self._calls += 1
                (found,) = await _call(self._salesforce, self._names, [half])
                await self.take(half, found)
