"""Who takes part: the running stack and everything that watches it from outside."""

import hashlib
import hmac
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import stripe

from deploy.demo.listener import Listener
from deploy.demo.outside import Control, NotAsTold, Payments, Row, Salesforce, wait_for
from deploy.demo.screen import Screen
from deploy.demo.stack import Process, Stack

_T = TypeVar("_T")
_LOG_CHARS = 2000


@dataclass
class Cast:
    """The stack, its clients, and the screen."""

    stack: Stack
    service: Process
    salesforce: Salesforce
    control: Control
    stripe: stripe.StripeClient
    payments: Payments
    listener: Listener
    screen: Screen

    def check_running(self, *, patience: float = 0) -> None:
        """Raise NotAsTold when a program ended that should run; one that just broke a call gets `patience` to end."""
        for name, process in (("service", self.service), ("sandbox", self.stack.sandbox)):
            with suppress(subprocess.TimeoutExpired):
                if process is not None and patience:
                    process.process.wait(patience)
            if process is not None and not process.running:
                code = process.process.returncode
                last = process.log.read_text()[-_LOG_CHARS:]
                raise NotAsTold(
                    f"the {name} ended unexpectedly with exit code {code}; {process.log} ends with:\n{last}"
                )

    def wait(self, what: str, look: Callable[[], _T | None], *, seconds: float = 20) -> _T:
        """Return the first thing `look` finds, while everything runs.

        Raises:
            NotAsTold: a program ended, or the time is up.
        """
        self.screen.waiting(what)

        def watched() -> _T | None:
            self.check_running()
            return look()

        return wait_for(what, watched, seconds=seconds)

    def claim(self, holds: object, text: str, seen: object = "") -> None:
        """Print a claim, or end the story when it does not hold.

        Raises:
            NotAsTold: it does not hold; `seen` tells what was seen instead.
        """
        if not holds:
            raise NotAsTold(f"{text}{f' (seen: {seen})' if seen != '' else ''}")
        self.screen.proof(text)

    def stripe_events(self) -> list[dict[str, Any]]:
        """Return every event of the Stripe account, newest first."""
        listed = self.stripe.v1.events.list({"limit": 100}).auto_paging_iter()
        return [json.loads(json.dumps(event.to_dict(for_json=True))) for event in listed]

    def state(self, record_id: str) -> dict[str, list[Row]]:
        """Return an opportunity and all that Counterfoil keeps about it, whole: values, times and versions."""
        return {"Opportunity": [self.salesforce.get("Opportunity", record_id)]} | self.salesforce.payments_of(record_id)

    def resend(self, events: Sequence[Mapping[str, Any]], *, copies: int) -> dict[str, int]:
        """Deliver events again as Stripe would, signed, `copies` of each at once; return the answers' words by number.

        Source of the signature: docs.stripe.com/webhooks/signatures.
        """
        url = f"http://127.0.0.1:{self.stack.web_port}/webhooks/stripe/{self.stack.entity}"
        secret = self.stack.webhook_secret.encode()

        def send(event: Mapping[str, Any]) -> str:
            body = json.dumps(event).encode()
            now = int(time.time())
            digest = hmac.new(secret, f"{now}.".encode() + body, hashlib.sha256).hexdigest()
            answer = client.post(url, content=body, headers={"stripe-signature": f"t={now},v1={digest}"})
            return str(answer.json().get("receipt")) if answer.is_success else str(answer.status_code)

        counts: dict[str, int] = {}
        with httpx.Client(trust_env=False, timeout=30) as client, ThreadPoolExecutor(copies) as pool:
            for event in events:
                for word in pool.map(send, [event] * copies):
                    counts[word] = counts.get(word, 0) + 1
        return counts


@contextmanager
def gathered(stack: Stack, service: Process, screen: Screen) -> Iterator[Cast]:
    """Connect everyone to a running stack; hang up at the end."""
    info = stack.info
    salesforce = Salesforce(info["salesforce"])
    control = Control(info["control"]["url"])
    payments = Payments(str(service.info["grpc"]), stack.entity)
    listener = Listener(info["salesforce"], info["pubsub"], salesforce.token)
    try:
        yield Cast(stack, service, salesforce, control, stack.stripe(), payments, listener, screen)
    finally:
        listener.close()
        for part in (payments, control, salesforce):
            part.close()


def minor(amount: Decimal | float, currency: str) -> int:
    """Return an amount in Stripe's minor unit (docs.stripe.com/currencies): JPY has none, KWD three digits."""
    scaled = Decimal(amount).scaleb({"JPY": 0, "KWD": 3}.get(currency, 2))
    if scaled != scaled.to_integral_value():
        raise NotAsTold(f"{amount} {currency} is no whole number of minor units")
    return int(scaled)
