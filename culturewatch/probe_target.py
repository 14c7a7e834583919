"""Where ``culturewatch probe`` is to look, as it is typed: ``tcp://host:502``."""

from typing import Literal
from urllib.parse import urlsplit

import msgspec

PORT = 502
LAST_UNIT = 255
SCHEMES = ("tcp",)


class TargetError(Exception):
    """What was typed is no place to look at; the text says what is."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A Modbus endpoint."""

    scheme: Literal["tcp"] = "tcp"
    host: str
    port: int

    @property
    def name(self) -> str:
        """As it is typed."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def target(text: str) -> Target:
    """The endpoint written as ``tcp://host:port``; the port may be left out.

    Raises:
        TargetError: it is written in another way.
    """
    how = f"{text!r} is no endpoint; write tcp://HOST:PORT, such as tcp://192.168.10.21:502"
    try:
        parts = urlsplit(text)
        port = parts.port or PORT
    except ValueError as error:
        raise TargetError(f"{how} ({error})") from error
    rest = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in SCHEMES or not parts.hostname or rest:
        raise TargetError(how)
    return Target(host=parts.hostname, port=port)


def unit_ids(text: str) -> tuple[int, ...]:
    """Unit ids written as ``1-16,240``, each once, in their order.

    Raises:
        TargetError: it is written in another way, or an id is outside 0 to 255.
    """
    found: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            low, high = int(first), int(last if dash else first)
        except ValueError:
            raise TargetError(f"{text!r} is no list of unit ids; write 1-16,240") from None
        if not 0 <= low <= high <= LAST_UNIT:
            raise TargetError(f"unit ids {part.strip()} are not from 0 to 255")
        found |= dict.fromkeys(range(low, high + 1))
    return tuple(found)
