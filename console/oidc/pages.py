"""The way to the provider of identities and back: log in there, come in here."""

import logging
import time
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from console.entrance import Entrance, Refusal, Stopped
from console.oidc.flow import LASTS_MS, Flow, Flows
from console.oidc.provider import Provider
from console.oidc.sign_on import CALLBACK, SignOn
from console.oidc.why import OidcError, Why
from console.rate import Rate
from storage.wall import wall_ms

log = logging.getLogger(__name__)

LOGIN = "/oidc/login"
GOING, REFILL_S = 30, 1.0
AWAY_AGAIN_S = 600.0
"""How often it is kept in the audit trail that the provider is away."""
LONGEST = 4_096
"""Characters of what a browser brings back."""


class Hall(Protocol):
    """What the pages at the way in do for these."""

    def let_in(self, answer: Response, token: str) -> None:
        """Give a browser its session."""
        ...

    def onward(self, request: Request, what: str, to: str) -> Response:
        """A page that goes on by itself."""
        ...

    def not_in(self, request: Request, came: Stopped, to: str) -> Response:
        """The form to log in, and why somebody is not."""
        ...


class SignOnPages:
    """Serves the way to the provider and back."""

    def __init__(self, sign_on: SignOn, entrance: Entrance, hall: Hall, *, cookie: str) -> None:
        """``cookie`` is the name of the one that says which browser began."""
        self._sign_on = sign_on
        self._entrance = entrance
        self._hall = hall
        self._cookie = cookie
        self._secure = sign_on.public_url.startswith("https:")
        self._provider = Provider(sign_on)
        self._flows = Flows()
        self._rate = Rate(burst=GOING, refill_s=REFILL_S, now_s=time.monotonic)
        self._kept = Rate(burst=1, refill_s=AWAY_AGAIN_S, now_s=time.monotonic)
        self.name = sign_on.name or urlsplit(sign_on.issuer).netloc

    def serve_on(self, app: FastAPI) -> None:
        """Add the routes."""
        app.add_api_route(LOGIN, self.go, methods=["GET"])
        app.add_api_route(CALLBACK, self.come_back, methods=["GET"])

    async def way_out(self) -> str:
        """Where to log out at the provider too; empty when there is no such page, or no answer."""
        try:
            return await self._provider.way_out()
        except OidcError as error:
            log.warning("nobody is logged out at the provider: %s", error)
            return ""

    async def go(self, request: Request) -> Response:
        """Send the browser to the provider."""
        wanted = _brought(request, "next")
        # Apart from those who come back: behind a proxy all have one address.
        if not self._rate.allows(_address(request)):
            return self._hall.not_in(request, Stopped(why=Refusal.OFTEN), wanted)
        flow = self._flows.begin(wanted, wall_ms())
        try:
            url = await self._provider.way_there(flow)
        except OidcError as error:
            return await self._stopped(request, error, wanted)
        answer = RedirectResponse(url, HTTPStatus.SEE_OTHER)
        answer.set_cookie(
            self._cookie,
            flow.browser,
            max_age=LASTS_MS // 1000,
            path="/",
            secure=self._secure,
            httponly=True,
            # Not strict: the provider's page sends the browser back with it.
            samesite="lax",
        )
        return answer

    async def come_back(self, request: Request) -> Response:
        """The provider sent the browser back."""
        if not self._entrance.may_try(_address(request)):
            return self._hall.not_in(request, Stopped(why=Refusal.OFTEN), "")
        browser = request.cookies.get(self._cookie, "")
        flow = self._flows.take(_brought(request, "state"), browser, wall_ms())
        wanted = "" if flow is None else flow.next
        try:
            person = await self._person(request, flow)
        except OidcError as error:
            return await self._stopped(request, error, wanted)
        came = await self._entrance.vouched(person, self._sign_on.issuer)
        if isinstance(came, Stopped):
            return self._over(self._hall.not_in(request, came, wanted))
        answer = self._hall.onward(request, "in", wanted)
        self._hall.let_in(answer, came)
        return self._over(answer)

    async def _person(self, request: Request, flow: Flow | None) -> str:
        if flow is None:
            raise OidcError(Why.STRANGE, "state: unknown, used, too old, or of another browser")
        if _brought(request, "error"):
            raise OidcError(Why.DECLINED, ascii(_brought(request, "error")[:40]))
        issuer = _brought(request, "iss")
        if issuer and issuer != self._sign_on.issuer:
            # RFC 9207: the answer of another provider, mixed up with this one's.
            raise OidcError(Why.STRANGE, f"iss: {issuer[:200]!a}")
        claims = await self._provider.claims(_brought(request, "code"), flow)
        return self._sign_on.person_of(claims) or ""

    async def _stopped(self, request: Request, error: OidcError, wanted: str) -> Response:
        log.warning("nobody came in by %s: %s", self._sign_on.issuer, error)
        if error.why is Why.AWAY and not self._kept.allows(self._sign_on.issuer):
            # Nobody tried to be anybody: that it is away stands in the trail already.
            return self._over(self._hall.not_in(request, Stopped(why=error.why), wanted))
        came = await self._entrance.not_vouched(error.why, self._sign_on.issuer)
        return self._over(self._hall.not_in(request, came, wanted))

    def _over(self, answer: Response) -> Response:
        answer.delete_cookie(self._cookie, secure=self._secure, httponly=True, samesite="lax")
        return answer


def _brought(request: Request, name: str) -> str:
    return request.query_params.get(name, "")[:LONGEST]


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
