"""Serving: start the roles, wait for the word to stop, drain."""

import asyncio
import gc
import os
import signal
from collections.abc import Collection, Coroutine
from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import Any

import orjson

from service import telemetry
from service.api import Readiness
from service.bootstrap._loops import PASSING
from service.bootstrap._parts import Parts, build
from service.bootstrap._roles import ORDER, ROLES
from service.bootstrap._store import Store, prepare
from service.clock import SystemClock
from service.commands.changes import verify_changes
from service.config import Installation, Role, Settings
from service.errors import ConfigurationError
from service.maintenance import verify_mappings
from service.sealing import open_vault

_DATABASE_SECONDS = 5.0
_KEYS_SECONDS = 1.0

_COLLECT_AFTER = 10_000  # objects; Python's own 700 are one batch of events


def serve(settings: Settings, installation: Installation, store: Store, roles: Collection[Role]) -> None:
    """Run this process in `roles` until SIGTERM or SIGINT; return when all it took in is finished or safely stored.

    Raises:
        ConfigurationError: something is set so that the service must not start.
        ExceptionGroup: a part ended that must not end.
    """
    verify_mappings(installation)
    verify_changes(installation)
    prepare(store, settings, installation)
    readiness = Readiness(["database", *(role.value for role in ORDER if role in roles)])
    parts = build(settings, installation, store.url, readiness, SystemClock(), vault=open_vault(settings))
    _settle_garbage_collection()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(_serve(parts, roles))
        except BaseExceptionGroup as group:
            raise _wrong_setting(group) or group from None


def _wrong_setting(group: BaseExceptionGroup[BaseException]) -> ConfigurationError | None:
    """Return what a person must put right, if that is what ended the parts."""
    for error in group.exceptions:
        found = _wrong_setting(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, ConfigurationError):
            return found
    return None


def _settle_garbage_collection() -> None:
    """Look for cycles seldom, and never among what lives as long as the process: little here makes any."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 10, 10)


def _loop_factory() -> Any:
    try:
        import uvloop  # noqa: PLC0415  (not on every platform)
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(parts: Parts, roles: Collection[Role]) -> None:
    stop = asyncio.Event()
    running = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(name, stop.set)
    try:
        await parts.database.ping()
        await parts.verify_orgs()
        parts.readiness.set("database", True)
        async with asyncio.TaskGroup() as group:
            await _run(parts, roles, stop, group)
    finally:
        await parts.close()


async def _run(parts: Parts, roles: Collection[Role], stop: asyncio.Event, group: asyncio.TaskGroup) -> None:
    def spawn(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = group.create_task(_guarded(work, name, stop), name=name)
        # When another part fails at start, this one may end before it began.
        task.add_done_callback(lambda _: work.close())
        return task

    own = [
        group.create_task(parts.wakes.run(), name="wakes"),
        group.create_task(_watch_database(parts), name="database"),
        group.create_task(_watch_keys(parts), name="keys"),
    ]
    addresses: dict[str, Any] = {"pid": os.getpid(), "roles": [role.value for role in ORDER if role in roles]}
    async with AsyncExitStack() as stack:
        for role in ORDER:
            if role in roles:
                addresses |= await stack.enter_async_context(ROLES[role](parts, spawn))
                parts.readiness.set(role.value, True)
        telemetry.log().info("service.ready", version=version("counterfoil"), **addresses)
        _tell(parts.settings, addresses)
        await stop.wait()
        telemetry.log().info("service.draining")
        for role in roles:
            parts.readiness.set(role.value, False)
    for task in own:
        task.cancel()
    telemetry.log().info("service.stopped")


async def _watch_database(parts: Parts) -> None:
    """Be unready while the database does not answer: callers should go where they can be served."""
    while True:
        try:
            async with asyncio.timeout(_DATABASE_SECONDS):
                await parts.database.ping()
            parts.readiness.set("database", True)
        except PASSING as error:
            parts.readiness.set("database", False)
            telemetry.log().error("database.silent", error=type(error).__name__)
        await asyncio.sleep(_DATABASE_SECONDS)


async def _watch_keys(parts: Parts) -> None:
    """Take new keys of the keyring long before they are used; a key service may take its time, in a thread."""
    while parts.database.vault.seals:
        await asyncio.to_thread(parts.database.vault.refresh)
        await asyncio.sleep(_KEYS_SECONDS)


async def _guarded(work: Coroutine[Any, Any, None], name: str, stop: asyncio.Event) -> None:
    """Run a part; one that fails takes the process with it, which its supervisor starts anew."""
    try:
        await work
    except Exception as error:
        telemetry.log().critical("service.part_failed", part=name, error=type(error).__name__)
        stop.set()
        raise


def _tell(settings: Settings, addresses: dict[str, Any]) -> None:
    """Write where we listen, for whoever started us with free ports."""
    path = settings.ready_file
    if path is not None:
        partial = path.with_suffix(".partial")
        partial.write_bytes(orjson.dumps(addresses))
        partial.replace(path)
