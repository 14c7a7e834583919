"""Asks a unit who it is, page by page: Read Device Identification, 43/14."""

from collections.abc import Awaitable, Callable

from collector.errors import UNREACHED, RefusedError
from devices.identity import (
    BASIC,
    EXTENDED,
    FIRST_OF_ITS_OWN,
    REGULAR,
    Identity,
    IdentityError,
    Level,
    identity,
    page,
)

Introduce = Callable[[Level, int], Awaitable[bytes]]
"""Gives the page of a level that begins with an object, as ``ModbusClient.introduce`` does."""
MOST_PAGES = 32
"""No identity is longer: 256 objects of a few letters are some twenty pages."""


async def identified(introduce: Introduce) -> Identity | None:
    """Who the unit says it is; None where it has no word for that, or empty ones.

    What is regular is asked for first, and what is the maker's own where the unit has such.

    Raises:
        IdentityError: its pages have no end, or cannot be read.
        LinkError: no connection, or no answer.
        RefusedError: it is busy, or a gateway cannot reach it.
    """
    for level in (REGULAR, BASIC):
        try:
            conformity, objects = await _all(introduce, level, 0)
        except RefusedError as error:
            _check_lasting(error)
            continue
        if conformity >= EXTENDED:
            try:
                objects |= (await _all(introduce, EXTENDED, FIRST_OF_ITS_OWN))[1]
            except RefusedError as error:
                _check_lasting(error)
        said = identity(objects)
        return said if said.said else None
    return None


async def _all(introduce: Introduce, level: Level, first: int) -> tuple[int, dict[int, bytes]]:
    """All objects of a level from ``first`` on, and the highest level that the unit has."""
    objects: dict[int, bytes] = {}
    asked = [first]
    while len(asked) <= MOST_PAGES:
        one = page(await introduce(level, asked[-1]))
        objects |= one.objects
        if one.following is None:
            return one.conformity, objects
        # It may lead back once: who has not the object asked for begins with its first one.
        if one.following in asked:
            raise IdentityError(f"its pages lead from object {asked[-1]} back to {one.following}")
        asked.append(one.following)
    raise IdentityError(f"its identification has no end after {MOST_PAGES} pages")


def _check_lasting(error: RefusedError) -> None:
    """Go on where the unit does not have it; a unit that could not be reached, or is busy, may.

    Raises:
        RefusedError: asking later may help.
    """
    if error.code in UNREACHED or not error.is_lasting:
        raise error
