"""The one customer of an Account or Contact: the one it names, the one made for it, or a new one, made once.

What was deleted in Stripe is no customer any more: a new one is made in its place, once as well.
"""

from service import mirror
from service.commands._ledger import Command
from service.commands._request import CREATE_CUSTOMER, idempotency_key
from service.commands._steps import Params, Steps
from service.domain import Carried
from service.mirror import customers


async def known_customer(steps: Steps, command: Command, owner: str, named: str | None) -> str | None:
    """Return the living customer that a record names, else the oldest that was made for it; None if there is none."""
    async with steps.database.read() as tx:
        if named:
            seen = await customers.read(tx, command.entity, named)
            if seen is None or not seen.deleted:
                return named
        known = await mirror.find(tx, entity=command.entity, object_type="customer", record_id=owner)
    return known.object_id if known else None


async def make_customer(steps: Steps, command: Command, owner: str, params: Params) -> str:
    """Make the customer of a record; several commands that do so, for whatever reason, make one."""
    async with steps.database.read() as tx:
        gone = await customers.count_deleted(tx, command.entity, owner)
    # The key is the record's, not the command's: two commands for one new Account make one customer.
    key = idempotency_key(command.entity, owner, CREATE_CUSTOMER, str(1 + gone), "customer")
    marked = params | {"metadata": {Carried.EFFECT: key, **params.get("metadata", {})}}
    return await steps.make(command, "customer", marked, key, shared=True)
