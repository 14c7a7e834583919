"""Log-ins that are under way at the provider: each is good once, for the browser that began it."""

import secrets

import msgspec

LASTS_MS = 10 * 60_000
MOST = 500


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """One of them; ``began`` is epoch ms, ``next`` the page that was wanted.

    ``state`` and ``nonce`` travel, ``verifier`` proves to the provider who began (RFC 7636),
    ``browser`` stays in a cookie of the browser.
    """

    state: str
    nonce: str
    verifier: str
    browser: str
    next: str
    began: int


class Flows:
    """Those that were begun and are not over."""

    def __init__(self) -> None:
        self._open: dict[str, Flow] = {}

    def begin(self, to: str, now: int) -> Flow:
        """A new one; the oldest is forgotten when there are too many."""
        self._open = {state: one for state, one in self._open.items() if _is_good(one, now)}
        flow = Flow(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            browser=secrets.token_urlsafe(32),
            next=to,
            began=now,
        )
        self._open[flow.state] = flow
        while len(self._open) > MOST:
            del self._open[next(iter(self._open))]
        return flow

    def take(self, state: str, browser: str, now: int) -> Flow | None:
        """The one called ``state``, which is over by this; None if it is not this browser's."""
        flow = self._open.pop(state, None)
        if flow is None or not _is_good(flow, now):
            return None
        same = secrets.compare_digest(flow.browser.encode(), browser.encode(errors="replace"))
        return flow if same else None


def _is_good(flow: Flow, now: int) -> bool:
    return flow.began <= now < flow.began + LASTS_MS
