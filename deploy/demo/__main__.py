"""`make demo`: starts sandbox and service, tells the story, and ends with 0 only if all of it was as told.

It sets up nothing on the machine but a folder, which goes away at the end, and leaves no process behind.
"""

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import grpc
import httpx
import stripe
import typer

from deploy.demo import keep as kept
from deploy.demo import story, trials
from deploy.demo.cast import Cast, gathered
from deploy.demo.outside import NotAsTold
from deploy.demo.screen import Screen
from deploy.demo.stack import Stack

_CHAPTERS = 7


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    """Give the folder asked for, which stays, or a temporary one, which goes unless the story failed."""
    if wanted is not None:
        yield wanted.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-demo-"))
    try:
        yield folder
    except Exception:
        raise  # the logs are needed now
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _tell(cast: Cast) -> None:
    screen, started = cast.screen, time.monotonic()
    told = story.open_opportunity(cast)
    story.won(cast, told)
    story.paid(cast, told)
    story.record_after(cast, told)
    duplicates = trials.everything_again(cast, told)
    before = cast.state(told.opportunity["Id"])
    trials.yen(cast)
    trials.declined(cast)
    screen.waiting("")
    screen.console.print()
    screen.console.print("Summary", style="bold")
    deliveries = cast.control.deliveries()
    trials.unchanged(cast, before, told.opportunity["Id"])
    screen.facts(
        {
            "won to link": f"{told.until_link * 1000:,.0f} ms: the Flow, Counterfoil, two calls of Stripe, one write",
            "paid to settled": f"{told.until_paid * 1000:,.0f} ms, of which Stripe takes 150 ms here to tell the fee",
            "webhooks": f"{len(deliveries)} sent by Stripe for {len({row['event'] for row in deliveries})} events, "
            f"and {duplicates} repetitions: each event counted once",
            "payments": "one paid in USD, one in JPY, one declined; every request carried out once",
            "whole story": f"{time.monotonic() - started:.1f} s",
        }
    )
    screen.console.print()
    screen.console.print("To connect your own Salesforce and Stripe, read 'Going live' in README.md.")


def _run(stack: Stack, screen: Screen, *, keep: bool) -> None:
    started = time.monotonic()
    screen.title(
        "Counterfoil: a won Opportunity is paid in Stripe, and the money is back in Salesforce",
        "The service is the real one. Stripe and Salesforce are a local sandbox: nothing leaves this machine.",
    )
    with screen.live():
        screen.waiting("starting the sandbox")
        info = stack.start_sandbox()
        screen.waiting("starting the service with its PostgreSQL")
        service = stack.start_service()
        org, account = info["salesforce"], info["stripe"]
        screen.facts(
            {
                "Salesforce": f"{org['url']}  org {org['org_id']}, our package deployed",
                "Stripe": f"{account['url']}  account {account['account']}, test mode",
                "Counterfoil": f"process {service.info['pid']}  webhooks {service.info['web']}  "
                f"gRPC {service.info['grpc']}",
                "started in": f"{time.monotonic() - started:.1f} s, with an embedded PostgreSQL",
            }
        )
        screen.console.print()
        with gathered(stack, service, screen) as cast:
            try:
                _tell(cast)
            except (httpx.HTTPError, grpc.RpcError, stripe.StripeError) as error:
                cast.check_running(patience=2)
                raise NotAsTold(f"a call failed: {type(error).__name__}: {error}") from error
    if keep:
        kept.stay(stack, service, screen)


def main(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Stay up afterwards, until Ctrl-C, and say how to look.")
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines, also on a terminal.")] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Where data and logs are kept; default: a temporary folder.")
    ] = None,
) -> None:
    """Show a payment from a won Opportunity to Stripe and back, on this machine, with checked figures."""
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda number, _frame: sys.exit(128 + number))
    screen = Screen(plain=plain, chapters=_CHAPTERS)
    try:
        with _folder(folder) as here, Stack(here) as stack:
            _run(stack, screen, keep=keep)
    except (NotAsTold, RuntimeError) as error:
        screen.failure(str(error))
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None


if __name__ == "__main__":
    typer.run(main)
