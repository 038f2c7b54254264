"""Durable tasks on Procrastinate: when and where a command runs. What it does is the ledger's affair.

A task is deferred in the transaction that accepts its command, with the record as its lock: one record's commands run
one at a time and in order, all others beside them. The tasks of a worker that died are taken over by the living.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import procrastinate
import procrastinate.manager
import psycopg
from procrastinate import RetryDecision
from sqlalchemy import text

from service import telemetry
from service.clock import Clock
from service.commands._ledger import Command
from service.config import Settings
from service.db import Transaction, plain_url

QUEUE = "commands"
# Stored in rows: never renamed without an alias.
RUN_COMMAND = "counterfoil.run_command"
_FAULT_DELAY = timedelta(seconds=30)
_PAUSE_SECONDS = 1.0

_DEFER = text(
    "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(:queue, :task, 0, :lock, NULL, "
    "jsonb_build_object('command_id', CAST(:command_id AS text)), NULL)::procrastinate_job_to_defer_v1])"
)


async def defer(tx: Transaction, command: Command) -> None:
    """Enqueue a command's task: it exists exactly if the caller's transaction commits."""
    lock = f"{command.org}:{command.record_id or command.subject}"
    await tx.execute(_DEFER, {"queue": QUEUE, "task": RUN_COMMAND, "lock": lock, "command_id": command.id})


class _Again(procrastinate.BaseRetryStrategy):
    """Runs a task again whenever it did not end: when it asks to, at once after a shutdown, soon after a fault of ours.

    A command that is not settled must never be without a task.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def get_retry_decision(self, *, exception: BaseException, job: Any) -> RetryDecision | None:  # noqa: ARG002  (the library's signature)
        """Return when to run again."""
        delay = getattr(exception, "delay", None)
        if not isinstance(delay, timedelta):
            delay = timedelta(0) if isinstance(exception, asyncio.CancelledError) else _FAULT_DELAY
        return RetryDecision(retry_at=self._clock.now() + delay)


class _Manager(procrastinate.manager.JobManager):
    """Tells when the end of a task could not be written: the row then says for ever that its worker is at it."""

    def __init__(self, connector: procrastinate.BaseConnector) -> None:
        super().__init__(connector)
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def finish_job(self, *args: Any, **named: Any) -> None:
        """Write that a task ended."""
        with self._watched():
            await super().finish_job(*args, **named)

    async def retry_job(self, *args: Any, **named: Any) -> None:
        """Write that a task is to run again."""
        with self._watched():
            await super().retry_job(*args, **named)

    async def until_lost(self) -> None:
        """Wait until an end could not be written, and raise what stood in its way."""
        await self._lost

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except procrastinate.exceptions.ConnectorException as error:
            if not self._lost.done():
                self._lost.set_exception(error)
            raise


class Tasks:
    """The worker of this process."""

    def __init__(self, url: str, settings: Settings, clock: Clock, *, name: str) -> None:
        self._settings = settings
        self._name = name
        self._dsn = plain_url(url)
        self._clock = clock

    async def run(self, execute: Callable[..., Awaitable[None]]) -> None:
        """Run tasks until cancelled, then finish those that run, within half of the time to drain.

        A database that goes away costs a pause: the worker starts anew, and its tasks are taken over like those of
        any other worker that fell silent. So it does if only the end of one task could not be written: a worker that
        lives keeps what its rows say it is at, and the record behind that task would wait for ever.
        """
        while True:
            try:
                await self._work(execute)
            except (procrastinate.exceptions.ConnectorException, psycopg.Error, OSError, ExceptionGroup) as error:
                telemetry.log().error("tasks.fault", error=type(error).__name__)
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _work(self, execute: Callable[..., Awaitable[None]]) -> None:
        app = self._app(execute)
        app.job_manager = manager = _Manager(app.connector)
        async with app.open_async(), asyncio.TaskGroup() as together:
            beside = [together.create_task(self._rescue_for_ever(app)), together.create_task(manager.until_lost())]
            await app.run_worker_async(
                queues=[QUEUE],
                name=self._name,
                concurrency=self._settings.worker_concurrency,
                fetch_job_polling_interval=self._settings.poll_seconds,
                install_signal_handlers=False,
                delete_jobs="successful",
                update_heartbeat_interval=self._settings.worker_heartbeat_seconds,
                stalled_worker_timeout=self._settings.worker_stalled_seconds,
                shutdown_graceful_timeout=self._settings.drain_seconds / 2,
            )
            for task in beside:
                task.cancel()

    def _app(self, execute: Callable[..., Awaitable[None]]) -> procrastinate.App:
        async def run_command(context: procrastinate.JobContext, command_id: str) -> None:
            await execute(command_id, attempts=context.job.attempts)

        connections = max(4, min(self._settings.worker_concurrency, self._settings.database_pool_size))
        connector = procrastinate.PsycopgConnector(conninfo=self._dsn, min_size=1, max_size=connections)
        app = procrastinate.App(connector=connector)
        app.task(name=RUN_COMMAND, queue=QUEUE, pass_context=True, retry=_Again(self._clock))(run_command)
        return app

    async def _rescue_for_ever(self, app: procrastinate.App) -> None:
        """Take over the tasks of workers that have been silent for too long, at the pace of the heartbeat."""
        silent = self._settings.worker_stalled_seconds
        while True:
            await asyncio.sleep(self._settings.worker_heartbeat_seconds)
            try:
                for job in await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=silent):
                    await app.job_manager.retry_job(job)
                    telemetry.log().warning("tasks.rescued", task=job.task_name)
            except (procrastinate.exceptions.ConnectorException, psycopg.Error) as error:
                telemetry.log().warning("tasks.rescue_failed", error=type(error).__name__)
