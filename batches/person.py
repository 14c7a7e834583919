"""People as the ledger knows them, and the roles that they may hold together."""

import re
from collections.abc import Iterable
from enum import StrEnum

import msgspec

SOFTWARE = "culturewatch"
"""Who enters what the program does of its own accord; no person may be called so."""
UNKNOWN = "(unknown)"
"""Stands for a name that is no person's: whoever types a password there has not told it to all."""
LONGEST_NAME = 100
# The ids of [[person]] in a site's file are formed like this too, so that one person has one id.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


class Role(StrEnum):
    """What somebody is to the laboratory; ``batches.authority`` says what each may do."""

    OPERATOR = "operator"
    ON_CALL = "on-call"
    SUPERVISOR = "supervisor"
    QA = "qa"
    ADMIN = "admin"
    AUDITOR = "auditor"


ALONE = frozenset({Role.QA, Role.AUDITOR})
"""Held with no other role: who judges data does not make it, and who inspects only reads."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A person by the newest entry about them, ``row``. ``name`` is what is printed.

    ``roles`` are in the order of ``Role``. Who is not ``active`` may do nothing any more.
    """

    row: int
    id: str
    name: str
    roles: tuple[Role, ...]
    active: bool


class PersonError(Exception):
    """A person cannot be so; the text says why and what to write instead."""


def is_id(text: str) -> bool:
    """Whether a person may be called so; what is not is nobody's, and need not be looked for."""
    return _ID.fullmatch(text) is not None and text.casefold() != SOFTWARE


def check_id(text: str) -> str:
    """``text``, if a person may be called so.

    Raises:
        PersonError: no.
    """
    if not _ID.fullmatch(text):
        raise PersonError(
            f"{text!a}: an id is of letters, digits, - and _, 63 at most, as operator-1"
        )
    if text.casefold() == SOFTWARE:
        raise PersonError(f"{text!r} is what the program enters its own acts as; take another id")
    return text


def check_name(text: str) -> str:
    """``text``, if it can be printed as somebody's name.

    Raises:
        PersonError: no.
    """
    if not text.strip() or len(text) > LONGEST_NAME or not text.isprintable():
        raise PersonError(
            f"{text[:LONGEST_NAME]!a}: a name has 1 to {LONGEST_NAME} characters that can be shown"
        )
    return text.strip()


def check_roles(words: Iterable[str]) -> tuple[Role, ...]:
    """The roles called so, each once, if one person may hold them.

    Raises:
        PersonError: one is not known, there is none, or two exclude each other.
    """
    known = ", ".join(Role)
    asked = set(words)
    strange = sorted(asked - set(Role))
    if strange or not asked:
        which = f"{strange[0]!a} is no role" if strange else "a person needs a role"
        raise PersonError(f"{which}; known: {known}")
    roles = tuple(role for role in Role if role in asked)
    alone = next((role for role in roles if role in ALONE), None)
    if alone is not None and len(roles) > 1:
        raise PersonError(
            f"{alone} goes with no other role: who judges or inspects has no hand in what is "
            "judged; give the other role to somebody else"
        )
    return roles
