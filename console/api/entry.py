"""Who may ask: the token of a request, its scope, and how often."""

import math
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from fastapi import HTTPException, Request

from console.api.pace import Pace
from console.api.tokens import ApiToken, ApiTokens, Scope

BURST, A_SECOND = 60, 10.0
STRANGER_BURST, STRANGER_A_SECOND = 20, 0.5
_SCHEME = "bearer"


class Entry:
    """Lets in who has a good token of the scope, and not more often than is good for the rest."""

    def __init__(
        self,
        tokens: ApiTokens,
        now: Callable[[], int],
        *,
        pace: Pace | None = None,
        strangers: Pace | None = None,
    ) -> None:
        self._tokens = tokens
        self._now = now
        self._pace = pace or Pace(burst=BURST, a_second=A_SECOND)
        self._strangers = strangers or Pace(burst=STRANGER_BURST, a_second=STRANGER_A_SECOND)

    def needs(self, scope: Scope) -> Callable[[Request], Awaitable[ApiToken]]:
        """What FastAPI asks before a route of ``scope``."""

        async def let_in(request: Request) -> ApiToken:
            return self.let_in(request, scope)

        return let_in

    def let_in(self, request: Request, scope: Scope) -> ApiToken:
        """The token of the request.

        Raises:
            fastapi.HTTPException: 401 without a good token, 403 without the scope, 429 too often.
        """
        where = request.client.host if request.client else ""
        token = self._tokens.find(_bearer(request), now=self._now())
        if token is None:
            _wait(self._strangers.wait_s(where))
            raise HTTPException(
                401,
                "send a good token: Authorization: Bearer cwt_… (culturewatch token create)",
                {"WWW-Authenticate": "Bearer"},
            )
        _wait(self._pace.wait_s(token.id))
        if scope not in token.scopes:
            raise HTTPException(403, f"the token {token.id} has not the scope {scope}")
        return token

    def let_scrape(self, request: Request) -> None:
        """Let in a program on this machine, or one with a token for health.

        Raises:
            fastapi.HTTPException: as ``let_in``.
        """
        if not _is_loopback(request):
            self.let_in(request, Scope.HEALTH)


def _bearer(request: Request) -> str:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == _SCHEME else ""


def _is_loopback(request: Request) -> bool:
    """From this machine itself, and not through a proxy on it."""
    if "forwarded" in request.headers or "x-forwarded-for" in request.headers:
        return False
    try:
        return ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False


def _wait(seconds: float) -> None:
    if seconds > 0:
        raise HTTPException(429, "too often; wait", {"Retry-After": str(math.ceil(seconds))})
