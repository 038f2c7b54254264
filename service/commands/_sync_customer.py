"""sync_customer: the Stripe customer of an Account or Contact is made, or brought to what its record says now.

Asked again it does what is left to do: only what differs is sent, and nothing if nothing does. Refuses to take over a
customer that stands for another record.
"""

from service.commands._customer import known_customer, make_customer
from service.commands._customer_terms import OWNERS, differences, read_customer
from service.commands._ledger import Command
from service.commands._operation import Operation
from service.commands._steps import Params, Settled, Steps, carried, succeeded
from service.domain import Carried
from service.errors import Refused, VendorUnavailable
from service.mirror import customers

# A record may name a customer that was deleted, and have had another one that was.
_LOOKS = 5


async def sync_customer(steps: Steps, command: Command) -> Settled:
    """Read the record; find its customer and change what differs, or make it."""

    async def read() -> Params:
        entity = steps.installation.entities[command.entity]
        named, said = await read_customer(steps.terms[command.org], entity, command.record_id or "")
        return {"named": named, "said": said}

    terms = await steps.fix_terms(command, read)
    found = await _present(steps, command, terms["named"])
    if found is None:
        made = await make_customer(steps, command, command.record_id or "", terms["said"])
        found = await _seen(steps, command, made)  # another command may have made it, of less than this one knows
    changes = differences(terms["said"], found)
    if changes:
        key, _ = carried(command, command.subject, "customer.update")
        said = terms["said"]
        await steps.act(
            command, ("customer", "update"), found["id"], changes, key, done=lambda body: not differences(said, body)
        )
    return succeeded(result_id=str(found["id"])), []


async def _present(steps: Steps, command: Command, named: str | None) -> Params | None:
    """Return the record's customer as Stripe has it now; None if it has none, or none that lives."""
    record_id = command.record_id or ""
    for _ in range(_LOOKS):
        customer_id = await known_customer(steps, command, record_id, named)
        if customer_id is None:
            return None
        answer = await steps.stripe[command.entity].retrieve("customer", customer_id)
        await steps.see(command, answer)
        if not answer.body.get("deleted"):
            _refuse_taken(answer.body, record_id)
            return answer.body
    # What we keep of it is of the same moment, and not believed to be older.
    raise VendorUnavailable("its customer was deleted a moment ago", vendor="stripe", reason="STRIPE_UNAVAILABLE")


async def _seen(steps: Steps, command: Command, customer_id: str) -> Params:
    """Return a customer as it was told when it was made."""
    async with steps.database.read() as tx:
        row = await customers.read(tx, command.entity, customer_id)
    if row is not None and row.body is not None:
        return row.body
    return (await steps.stripe[command.entity].retrieve("customer", customer_id)).body


def _refuse_taken(customer: Params, record_id: str) -> None:
    owner = (customer.get("metadata") or {}).get(Carried.RECORD)
    if owner and owner[:15] != record_id[:15]:
        raise Refused(
            f"{customer['id']} stands for another record in Stripe, {owner}: empty the field here, and a new customer "
            f"is made, or remove {Carried.RECORD.value} from the customer's metadata",
            reason="CUSTOMER_TAKEN",
            metadata={"customer_id": str(customer["id"])},
        )


SYNC_CUSTOMER = Operation("sync_customer", sync_customer, sources=OWNERS, versioned=False)
