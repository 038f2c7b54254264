"""Durable tasks on Procrastinate: when and where a command runs. What it does is the ledger's affair.

A task is deferred in the transaction that accepts its command, with the record as its lock: one record's commands run
one at a time and in order, all others beside them. The tasks of a worker that died are taken over by the living.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import procrastinate
from procrastinate import RetryDecision
from sqlalchemy import text
from sqlalchemy.engine import make_url

from service import telemetry
from service.clock import Clock
from service.commands._ledger import Command
from service.config import Settings
from service.db import Transaction

QUEUE = "commands"
# Stored in rows: never renamed without an alias.
RUN_COMMAND = "counterfoil.run_command"

_DEFER = text(
    "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(:queue, :task, 0, :lock, NULL, "
    "jsonb_build_object('command_id', CAST(:command_id AS text)), NULL)::procrastinate_job_to_defer_v1])"
)


async def defer(tx: Transaction, command: Command) -> None:
    """Enqueue a command's task: it exists exactly if the caller's transaction commits."""
    lock = f"{command.org}:{command.record_id}"
    await tx.execute(_DEFER, {"queue": QUEUE, "task": RUN_COMMAND, "lock": lock, "command_id": command.id})


class _Again(procrastinate.BaseRetryStrategy):
    """Retries exactly what asks for it, when it asks for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def get_retry_decision(self, *, exception: BaseException, job: Any) -> RetryDecision | None:  # noqa: ARG002
        """Return when to run again."""
        delay = getattr(exception, "delay", None)
        if not isinstance(delay, timedelta):
            delay = timedelta(seconds=30)  # a fault of ours: the command is still unsettled and must not be lost
        return RetryDecision(retry_at=self._clock.now() + delay)


class Tasks:
    """The worker of this process."""

    def __init__(self, url: str, settings: Settings, clock: Clock, *, name: str) -> None:
        self._settings = settings
        self._name = name
        dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        connector = procrastinate.PsycopgConnector(
            conninfo=dsn, min_size=1, max_size=max(4, min(settings.worker_concurrency, settings.database_pool_size))
        )
        self._app = procrastinate.App(connector=connector)
        self._clock = clock

    async def run(self, execute: Callable[..., Awaitable[None]]) -> None:
        """Run tasks until cancelled, then finish those that run, within the time to drain."""

        async def run_command(context: procrastinate.JobContext, command_id: str) -> None:
            await execute(command_id, attempts=context.job.attempts)

        self._app.task(name=RUN_COMMAND, queue=QUEUE, pass_context=True, retry=_Again(self._clock))(run_command)
        async with self._app.open_async(), asyncio.TaskGroup() as group:
            rescuer = group.create_task(self._rescue_for_ever())
            await self._app.run_worker_async(
                queues=[QUEUE],
                name=self._name,
                concurrency=self._settings.worker_concurrency,
                fetch_job_polling_interval=self._settings.poll_seconds,
                install_signal_handlers=False,
                delete_jobs="successful",
                update_heartbeat_interval=self._settings.worker_heartbeat_seconds,
                stalled_worker_timeout=self._settings.worker_stalled_seconds,
                shutdown_graceful_timeout=self._settings.drain_seconds,
            )
            rescuer.cancel()

    async def _rescue(self) -> None:
        """Take over the tasks of workers that have been silent for too long."""
        manager = self._app.job_manager
        stalled = list(
            await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=self._settings.worker_stalled_seconds)
        )
        for job in stalled:
            await manager.retry_job(job)
            telemetry.log().warning("task.rescued", task=job.task_name)

    async def _rescue_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.worker_heartbeat_seconds)
            try:
                await self._rescue()
            except procrastinate.exceptions.ConnectorException as error:
                telemetry.log().warning("task.rescue_failed", error=type(error).__name__)
