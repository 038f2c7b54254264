"""How an answer reaches the client, or is kept from it: whole, cut short, late, or not at all."""

import asyncio
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

RAW_SEND = "counterfoil.raw_send"


@dataclass
class Answer:
    """A status, a JSON body and Stripe's headers."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


async def deliver(answer: Answer, send: Send, *, cut: int | None = None) -> None:
    """Send an answer; with `cut`, promise the whole body and end the connection after that many bytes."""
    headers = {"content-type": "application/json", "content-length": str(len(answer.body)), **answer.headers}
    encoded = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    if cut is None:
        await send({"type": "http.response.body", "body": answer.body})
        return
    await send({"type": "http.response.body", "body": answer.body[:cut], "more_body": True})


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection without an answer.

    ASGI has no word for this; uvicorn's connection is reached through the server's own `send`.
    """
    transport = getattr(getattr(scope[RAW_SEND], "__self__", None), "transport", None)
    if transport is None:
        raise RuntimeError("connections can only be cut under uvicorn")
    transport.close()
    async with asyncio.timeout(5):
        while (await receive())["type"] != "http.disconnect":
            pass
