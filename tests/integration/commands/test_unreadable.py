"""A request whose stored words cannot be opened is never given up, and never half done: its money may be at Stripe."""

import pytest
from sqlalchemy import text

from service.commands import CommandState
from service.commands._commands import TryAgain
from service.db import Database
from tests.integration.commands.conftest import Desk


@pytest.mark.parametrize(
    ("swap", "back"),
    [
        (
            "UPDATE commands SET business_version = arguments, arguments = 'cf1.gone.AAAA'",
            "UPDATE commands SET arguments = business_version, business_version = '1'",
        ),
        (
            "UPDATE calls SET step = parameters, parameters = 'cf1.gone.AAAA'",
            "UPDATE calls SET parameters = step, step = 'refund'",
        ),
    ],
    ids=["request", "call"],
)
async def test_it_waits_for_its_key_and_goes_on_with_the_same_call(
    desk: Desk, database: Database, swap: str, back: str
) -> None:
    intent = await desk.payment()
    command = await desk.ask("refund_payment", intent)
    desk.strike(path="/v1/refunds", fault="disconnect", after_effect=True, times=1)
    with pytest.raises(TryAgain):  # the refund is made, and nobody knows of it
        await desk.commands.execute(command.id, attempts=0)
    async with database.transaction() as tx:
        await tx.execute(text(swap))
    for attempts in (1, 99):
        with pytest.raises(TryAgain):
            await desk.commands.execute(command.id, attempts=attempts)
    async with database.transaction() as tx:
        assert await tx.scalar(text("SELECT state FROM commands")) == "RUNNING"
        await tx.execute(text(back))
    assert (await desk.settled(command)).state is CommandState.SUCCEEDED
    assert len(await desk.refunds(intent)) == 1
