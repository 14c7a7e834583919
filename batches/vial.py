"""Cryo vials, where they are kept, and the ids of the chain of identity."""

import re
import secrets

import msgspec

_TOKEN = re.compile(r"PT-(?=(?:[A-Z]*[0-9]){2})[0-9A-HJKMNP-TV-Z]{8,26}")
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: without I, L, O and U, which are misread or spell words."""
_LENGTH = 10
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,30}")
_RUN = re.compile(r"([0-9]{1,4})-([0-9]{1,4})")
_MOST = 200
"""Slots in one box are fewer."""
_VIAL = re.compile(r"(.+)-V([0-9]{3,4})")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A slot in a freezer; it holds one vial at a time."""

    device: str
    rack: str
    box: str
    slot: str

    @property
    def position(self) -> str:
        """``rack/box/slot``, as a stay names it."""
        return f"{self.rack}/{self.box}/{self.slot}"

    def mistake(self) -> str | None:
        """What cannot be a place, if anything."""
        for name, part in (("rack", self.rack), ("box", self.box), ("slot", self.slot)):
            if not _PART.fullmatch(part):
                return f"{name} {part!r} may hold letters, digits, spaces, - . and _ only"
        return None


class Vial(msgspec.Struct, frozen=True, kw_only=True):
    """A vial as the ledger knows it now. ``row`` is the entry that says so.

    Times are epoch milliseconds, UTC. ``ended_how`` is ``thaw``, ``dispose``, ``transfer`` (to
    another site's ledger) or ``lose``.
    """

    row: int
    id: str
    batch: str
    passage: int
    frozen_at: int
    frozen_by: str
    reason: str
    ended_at: int | None = None
    ended_by: str | None = None
    ended_how: str | None = None
    ended_why: str | None = None
    ending: int | None = None

    @property
    def opened_at(self) -> int:
        """When it began to be a vial."""
        return self.frozen_at

    @property
    def closed_at(self) -> int | None:
        """When it ceased to be one."""
        return self.ended_at

    @property
    def closure(self) -> int | None:
        """The entry that ended it."""
        return self.ending


def vial_id(batch: str, number: int) -> str:
    """The id of vial ``number`` of ``batch``: ``B-2026-0001-V001``."""
    return f"{batch}-V{number:03}"


def number_of(vial: str) -> int | None:
    """The number in the id of a vial; None when it is no such id."""
    found = _VIAL.fullmatch(vial)
    return int(found[2]) if found else None


def batch_of(subject: str) -> str:
    """The batch that the vial called ``subject`` was frozen from; a batch is its own."""
    found = _VIAL.fullmatch(subject)
    return found[1] if found else subject


def new_token() -> str:
    """A patient's token that says nothing about the patient."""
    while not is_token(token := "PT-" + "".join(map(secrets.choice, [ALPHABET] * _LENGTH))):
        pass
    return token


def names_a_token(text: str) -> bool:
    """Whether a patient's token stands anywhere in ``text``."""
    return _TOKEN.search(text) is not None


def is_token(text: str) -> bool:
    """Whether ``text`` is formed like a token; what is spelt like a name is none."""
    return bool(_TOKEN.fullmatch(text))


def slots(text: str) -> tuple[str, ...]:
    """The slots that ``text`` names: ``1-10``, ``A1,A2`` or both.

    Raises:
        ValueError: it names none, one twice, or more than fit a box.
    """
    named: list[str] = []
    for part in text.split(","):
        run = _RUN.fullmatch(part.strip())
        if run is None:
            named.append(part.strip())
            continue
        first, last = int(run[1]), int(run[2])
        if last < first or last - first >= _MOST:
            raise ValueError(f"{part.strip()!r} is no run of slots; write 1-10, up to {_MOST}")
        named += map(str, range(first, last + 1))
    if not all(_PART.fullmatch(each) for each in named):
        raise ValueError(f"{text!r} names no slots; write 1-10 or A1,A2")
    twice = sorted({each for each in named if named.count(each) > 1})
    if twice:
        raise ValueError(f"{text!r} names {', '.join(twice)} twice")
    return tuple(named)
