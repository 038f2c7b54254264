"""Provisioning: the webhook endpoints of every entity that has one, looked at first and changed only on the word."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from service.clients import Purpose, StripeApi
from service.clock import SystemClock
from service.config import Installation, SecretRef
from service.errors import ConfigurationError, VendorDenied, VendorError
from service.maintenance.provision import Action, Step, apply_step, plan_endpoints, webhook_url


@dataclass(frozen=True, slots=True)
class Provisioned:
    """A step, and what came of it.

    Attributes:
        done: whether Stripe was changed.
        fault: why not, if it should have been.
        secret: the signing secret of an endpoint that was made: shown to a person once, and to nothing else.
        store_in: where the configuration says the secret is kept.
    """

    step: Step
    done: bool = False
    fault: str = ""
    secret: str | None = field(default=None, repr=False)
    store_in: str = ""


def provision(
    installation: Installation, *, url: str, names: Collection[str], key_file: Path | None, retire: bool, apply: bool
) -> list[Provisioned]:
    """Compare Stripe's webhook endpoints with what the installation needs, and with `apply` make them so.

    Every entity is looked at before the first change. A fault in one does not hide what was done in others.

    Args:
        installation: whose endpoints.
        url: the public address in front of the web port.
        names: only these entities; all if empty.
        key_file: holds a key that may write webhook endpoints, instead of the entities' own.
        retire: disable what was replaced.
        apply: change Stripe; otherwise only tell.

    Raises:
        ConfigurationError: an entity is unknown or has no endpoint of its own, the address is none, or a key does not
            fit.
    """
    own = [name for name, entity in installation.entities.items() if entity.stripe.platform is None]
    for name in names:
        if name not in own:
            has = "is a connected account" if name in installation.entities else "is not configured"
            raise ConfigurationError("--entity", f"{name!r} {has}", f"Use one of {', '.join(own)}")
    chosen = [name for name in own if not names or name in names]
    if key_file is not None and len(chosen) > 1:
        raise ConfigurationError("--key-file", "is of one account only", "Name one entity with --entity")
    return asyncio.run(_Provision(installation, url, key_file, retire).run(chosen, apply=apply))


def _told(error: VendorError) -> str:
    if not isinstance(error, VendorDenied):
        return error.message
    lacks = error.metadata.get("permission", "a permission")
    return f"the key lacks {lacks}: give one that may read and write webhook endpoints by --key-file"


@dataclass(slots=True)
class _Provision:
    installation: Installation
    url: str
    key_file: Path | None
    retire: bool
    clock: SystemClock = field(default_factory=SystemClock)

    async def run(self, names: list[str], *, apply: bool) -> list[Provisioned]:
        urls = {name: self._url(name) for name in names}
        apis = {name: self._api(name) for name in names}
        run = self.clock.new_id().hex
        try:
            planned = [one for name in names for one in await self._plan(name, apis[name], urls[name])]
            if not apply:
                return planned
            return [await self._apply(apis[one.step.entity], one, run) for one in planned]
        finally:
            for api in apis.values():
                api.close()

    def _url(self, name: str) -> str:
        return webhook_url(self.url, name, plain_allowed=not self.installation.entities[name].stripe.livemode)

    def _api(self, name: str) -> StripeApi:
        account = self.installation.entities[name].stripe
        if self.key_file is not None:
            account = account.model_copy(update={"secret_key": SecretRef(file=self.key_file), "setup_key": None})
        return StripeApi(name, account, self.clock)

    async def _plan(self, name: str, api: StripeApi, url: str) -> list[Provisioned]:
        try:
            await self._verify(name, api)
            steps = await plan_endpoints(name, self.installation.entities, api, url=url, retire=self.retire)
        except VendorError as error:
            return [Provisioned(Step(name, "account", url, Action.REFUSE, "was not looked at"), fault=_told(error))]
        return [Provisioned(step, fault=step.why if step.action is Action.REFUSE else "") for step in steps]

    async def _verify(self, name: str, api: StripeApi) -> None:
        """Refuse to set up another account than the configured one."""
        wanted = self.installation.entities[name].stripe.account
        if wanted is not None and (found := (await api.account(Purpose.SETUP)).get("id")) != wanted:
            where = f"entities.{name}.stripe.account"
            raise ConfigurationError(where, f"is {wanted}, but the key belongs to {found}", "Correct the key")

    async def _apply(self, api: StripeApi, planned: Provisioned, run: str) -> Provisioned:
        step = planned.step
        if step.action not in {Action.CREATE, Action.UPDATE, Action.DISABLE}:
            return planned
        try:
            identifier, secret = await apply_step(api, step, run=run)
        except VendorError as error:
            return replace(planned, fault=_told(error))
        made = replace(step, endpoint_id=identifier)
        return Provisioned(made, done=True, secret=secret, store_in=self._place(step.entity) if secret else "")

    def _place(self, name: str) -> str:
        """Return where a new secret belongs: the first place that holds none yet."""
        where = f"entities.{name}.stripe.webhook_secrets"
        for index, ref in enumerate(self.installation.entities[name].stripe.webhook_secrets):
            try:
                ref.read(where)
            except ConfigurationError:
                return f"{ref.file or f'the environment variable {ref.env}'} ({where}.{index})"
        return f"a new place, added to {where} beside the present ones"
