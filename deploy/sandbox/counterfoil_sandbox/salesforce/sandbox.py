"""The Salesforce side as the command sees it: an application for two ports, control routes, and who may come in."""

import hashlib
import json
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from counterfoil_sandbox.faults import FaultBook
from counterfoil_sandbox.pubsub.bus import EventBus
from counterfoil_sandbox.salesforce.api import Dispatcher
from counterfoil_sandbox.salesforce.api.sobjects import publish
from counterfoil_sandbox.salesforce.currencies import DATED, change_currencies
from counterfoil_sandbox.salesforce.dml import WriteContext
from counterfoil_sandbox.salesforce.errors import ApiError
from counterfoil_sandbox.salesforce.faults import check_fault
from counterfoil_sandbox.salesforce.http import HttpSide
from counterfoil_sandbox.salesforce.oauth import OAuth
from counterfoil_sandbox.salesforce.org import build_org, build_schema
from counterfoil_sandbox.salesforce.seed import USERNAME


class SalesforceSandbox:
    """One org with a package deployed to it."""

    def __init__(
        self, *, url: str, http_url: str, public_key: RSAPublicKey, metadata: Path | None, bus: EventBus, seed: int
    ) -> None:
        self._url = url
        self._http_url = http_url
        self._bus = bus
        self._seed = seed
        self._schema, self._package = build_schema(metadata)
        self._dispatcher = self._fresh()
        seeded = self._dispatcher.org.seeded
        self._oauth = OAuth(
            client_id=f"3MVG9{_digest('client id', seed)}",
            client_secret=_digest("client secret", seed).upper(),
            public_key=public_key,
            my_domains=(url, http_url),
            org_id=seeded.org_id,
            user_id=seeded.user_id,
            username=USERNAME,
        )
        self._faults = FaultBook()
        self.app = HttpSide(self._oauth, self._faults, lambda: self._dispatcher)
        self.authorise = self._oauth.refuse_caller
        self.is_open, self.close_session = self._oauth.is_open, self._oauth.close
        self.control_routes = [
            Route("/salesforce/faults", self._add_fault, methods=["POST"]),
            Route("/salesforce/faults", self._clear_faults, methods=["DELETE"]),
            Route("/salesforce/faults", self._list_faults, methods=["GET"]),
            Route("/salesforce/requests", self._list_requests, methods=["GET"]),
            Route("/salesforce/notifications", self._list_notifications, methods=["GET"]),
            Route("/salesforce/events", self._list_events, methods=["GET"]),
            Route("/salesforce/events", self._publish, methods=["POST"]),
            Route("/salesforce/settings", self._set, methods=["POST"]),
            Route("/salesforce/currencies", self._change_currencies, methods=["POST"]),
        ]

    def info(self) -> dict[str, Any]:
        """Return what a client needs to sign in (certificate files apart)."""
        return {
            "url": self._url,
            "http_url": self._http_url,
            "org_id": self._dispatcher.org.seeded.org_id,
            "instance_url": self._url,
            "client_id": self._oauth.client_id,
            "client_secret": self._oauth.client_secret,
            "username": USERNAME,
            "is_sandbox": True,
        }

    def reset(self) -> None:
        """Return to the seeded state: records, faults, sessions and the record of requests."""
        self._dispatcher = self._fresh()
        self._oauth.close_all()
        self._faults.clear()
        self.app.requests.clear()

    def _fresh(self) -> Dispatcher:
        schema = deepcopy(self._schema)  # which an administrator may change
        schema.hidden.add(DATED)
        return Dispatcher(build_org(schema, self._package, self._bus, self._seed))

    async def _add_fault(self, request: Request) -> JSONResponse:
        try:
            fault = json.loads(await request.body())
            check_fault(fault)
        except (ValueError, AttributeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse(self._faults.add(fault), status_code=201)

    async def _clear_faults(self, _request: Request) -> JSONResponse:
        self._faults.clear()
        return JSONResponse({"faults": []})

    async def _list_faults(self, _request: Request) -> JSONResponse:
        return JSONResponse({"faults": self._faults.pending()})

    async def _set(self, request: Request) -> JSONResponse:
        """Change the org: ``daily_api_requests`` is its limit of 24 hours, ``api_calls`` how many are made already."""
        try:
            given = {name: int(value) for name, value in json.loads(await request.body()).items()}
        except (ValueError, TypeError, AttributeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        org = self._dispatcher.org
        org.daily_requests = given.get("daily_api_requests", org.daily_requests)
        org.api_calls = given.get("api_calls", org.api_calls)
        return JSONResponse({"daily_api_requests": org.daily_requests, "api_calls": org.api_calls})

    async def _change_currencies(self, request: Request) -> JSONResponse:
        """Keep the org's currencies: see ``change_currencies``."""
        try:
            change_currencies(self._dispatcher.org, json.loads(await request.body(), parse_float=Decimal))
        except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse({})

    async def _list_notifications(self, _request: Request) -> JSONResponse:
        """What the action customNotificationAction was asked to send."""
        return JSONResponse({"notifications": self._dispatcher.org.notifications})

    async def _list_events(self, _request: Request) -> JSONResponse:
        """The platform events that were published of late, whoever did."""
        return JSONResponse({"events": list(self._dispatcher.org.events.recent)})

    async def _publish(self, request: Request) -> JSONResponse:
        """Publish ``fields`` as the platform event ``event``, as the ``user`` of the org would who has this id."""
        try:
            given = json.loads(await request.body(), parse_float=Decimal)
            org, sobject = self._dispatcher.org, self._dispatcher.org.schema.objects[given["event"]]
            answer = publish(org, WriteContext(str(given["user"])), sobject, given["fields"])
        except (ValueError, TypeError, KeyError, ApiError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse(answer, status_code=201)

    async def _list_requests(self, _request: Request) -> JSONResponse:
        return JSONResponse({"requests": list(self.app.requests)})


def _digest(purpose: str, seed: int) -> str:
    return hashlib.sha256(f"counterfoil sandbox {purpose} {seed}".encode()).hexdigest()
