"""Who a Modbus device says it is: the answers to Read Device Identification, 43/14.

Modbus Application Protocol 1.1b3, 6.21. Objects 0 to 2 are basic, 3 to 6 regular, those from 0x80
a maker's own (extended); all are text.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

import msgspec

Level = Literal[1, 2, 3]
"""How much is asked for: basic, regular, extended."""
BASIC: Level = 1
REGULAR: Level = 2
EXTENDED: Level = 3
FIRST_OF_ITS_OWN = 0x80
"""From here on an object is what its maker says it is."""
NAMES: Mapping[int, str] = MappingProxyType(
    {
        0: "vendor",
        1: "product_code",
        2: "revision",
        3: "vendor_url",
        4: "product_name",
        5: "model_name",
        6: "application_name",
    }
)
"""What the objects are, by number."""
_HEAD = 5
"""Bytes before the first object: level, conformity, more, next, number of objects."""
_MORE = 0xFF
_LEVEL_BITS = 0x7F


class IdentityError(Exception):
    """What a device said of itself cannot be read; the text says why."""


class Page(NamedTuple):
    """One answer: to what level, the most that the device has, and its objects.

    ``following`` is the object with which the next page begins, None on the last one.
    """

    level: int
    conformity: int
    objects: Mapping[int, bytes]
    following: int | None


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a device says of itself, empty where it says nothing.

    ``more`` are objects without a name of their own, by number as 0x80; a maker's manual says
    what they are, often the serial number.
    """

    vendor: str = ""
    product_code: str = ""
    revision: str = ""
    vendor_url: str = ""
    product_name: str = ""
    model_name: str = ""
    application_name: str = ""
    more: dict[str, str] = {}

    @property
    def said(self) -> dict[str, str]:
        """All that is not empty, by name."""
        named = {name: str(getattr(self, name)) for name in NAMES.values()}
        return {name: text for name, text in (named | self.more).items() if text}

    @property
    def words(self) -> str:
        """One line for people."""
        return ", ".join(f"{name} {text!r}" for name, text in self.said.items()) or "nothing"


def page(data: bytes) -> Page:
    """One answer; ``data`` is what follows the MEI type.

    Raises:
        IdentityError: it is not whole.
    """
    if len(data) < _HEAD:
        raise IdentityError(f"{data.hex()} is too short for a device identification")
    level, conformity, more, following, count = data[:_HEAD]
    if more not in {0, _MORE}:
        raise IdentityError(f"more follows is {more:#04x}, neither 00 nor FF")
    objects: dict[int, bytes] = {}
    at = _HEAD
    for number in range(1, count + 1):
        end = object_end(data, at)
        if end is None or end > len(data):
            raise IdentityError(f"it ends inside object {number} of {count}")
        objects[data[at]] = data[at + 2 : end]
        at = end
    if at != len(data):
        raise IdentityError(f"{len(data) - at} bytes stand behind its {count} objects")
    return Page(
        level, conformity & _LEVEL_BITS, MappingProxyType(objects), following if more else None
    )


def object_end(body: bytes, at: int) -> int | None:
    """Where the object that begins at ``at`` ends; None while its length is not there."""
    return at + 2 + body[at + 1] if at + 1 < len(body) else None


def identity(objects: Mapping[int, bytes]) -> Identity:
    """What ``objects`` say, as text that can be shown: unprintable bytes are written out."""
    named = {NAMES[number]: _text(said) for number, said in objects.items() if number in NAMES}
    more = {f"{number:#04x}": _text(objects[number]) for number in sorted(objects.keys() - NAMES)}
    return Identity(**named, more={number: text for number, text in more.items() if text})


def _text(said: bytes) -> str:
    # Texts are filled up with blanks or zeros to the length of their field.
    bare = said.strip(b"\0 \t\r\n")
    return "".join(chr(c) if 0x20 <= c < 0x7F else f"\\x{c:02x}" for c in bare)  # noqa: PLR2004 # ASCII that prints


def difference(before: Identity, now: Identity) -> str:
    """What ``now`` says otherwise than ``before``, in words; empty where it is the same."""
    old, new = before.said, now.said
    changed = [name for name in (*old, *(new.keys() - old)) if old.get(name) != new.get(name)]
    return ", ".join(f"{n} {old.get(n, '')!r} -> {new.get(n, '')!r}" for n in sorted(changed))
