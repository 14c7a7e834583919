"""Who asks through a proxy: the address that a proxy we trust says, and no other. Pure ASGI.

Each proxy adds the address of whom it heard to the end of ``X-Forwarded-For``: what stands before
the last one that is not a proxy of ours was written by whoever asks, and is believed by nobody.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from console.proxies import Network, network

_HEADER = "x-forwarded-for"


class Forwarded:
    """Puts the address of who asks in the place of the proxy's."""

    def __init__(self, app: ASGIApp, *, proxies: Iterable[str]) -> None:
        """``proxies`` are the addresses or networks of those that are trusted."""
        self._app = app
        self._proxies = tuple(network(one) for one in proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._proxies and scope["type"] in {"http", "websocket"} and scope.get("client"):
            said = Headers(scope=scope).getlist(_HEADER)
            host = asker(scope["client"][0], said, self._proxies)
            if host != scope["client"][0]:
                scope = {**scope, "client": (host, 0)}
        await self._app(scope, receive, send)


def asker(peer: str, said: Iterable[str], proxies: Iterable[Network]) -> str:
    """The address behind ``peer`` by what headers ``said``; ``peer`` where nothing is proved."""
    trusted, host = tuple(proxies), peer
    heard = [part.strip() for line in said for part in line.split(",")]
    while _is_of(host, trusted) and heard:
        before = _bare(heard.pop())
        if not before:
            break
        host = before
    return host


def _is_of(host: str, proxies: tuple[Network, ...]) -> bool:
    try:
        addresses = (_plain(host), ip_address(host))
    except ValueError:
        return False
    return any(each in one for each in addresses for one in proxies)


def _plain(text: str) -> IPv4Address | IPv6Address:
    """The address; of one of IPv4 as a socket of IPv6 names it, ``::ffff:10.0.0.5``, that."""
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _bare(text: str) -> str:
    """The address, without a port; empty where it is none."""
    try:
        return str(_plain(text))
    except ValueError:
        pass
    try:
        return str(_plain(urlsplit(f"//{text}").hostname or ""))
    except ValueError:
        return ""
