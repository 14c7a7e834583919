"""Which role may do which act: the one table, and the questions that are asked of it.

    may(person, act) -> bool                      whether they may
    why_not(person, act) -> Why | None            why not, in words; None when they may
    why_not_sign(person, act, touched=...) -> ... the same for a signature
    hands(acts) -> frozenset[str]                 whose work those acts are

``Ledger.authorise(act, subject, by, touched=...)`` asks the same of a ledger, by the roles that
hold then, and keeps what is denied; ``Clerk.gate`` does so within a transaction.

``ACTS`` holds every kind of entry of the ledger, every order to the alarm engine (``alarm.`` and
its verb) and what else is asked for. Whoever adds a kind of act adds its line here: a kind without
a line stops the program that enters it (``UnknownActError``), it is never let pass.

Facts: 21 CFR 11.10(d), (g); records.md 2.1 row 4 and 6 row 19.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from batches.person import Person, Role
from batches.placement import Refused
from storage.acts import Act

OPERATOR, ON_CALL, SUPERVISOR = Role.OPERATOR, Role.ON_CALL, Role.SUPERVISOR
QA, ADMIN, AUDITOR = Role.QA, Role.ADMIN, Role.AUDITOR


class Duty(NamedTuple):
    """Whose an act is, in which ``area`` of the audit trail it stands, whether it needs a reason.

    An act of no role is the program's own: nobody may order it.
    """

    area: str
    roles: frozenset[Role]
    reason: bool = False


def _by(area: str, *roles: Role, reason: bool = False) -> Duty:
    return Duty(area, frozenset(roles), reason)


_WORK = _by("data", OPERATOR, SUPERVISOR)
_CHANGE = _by("data", OPERATOR, SUPERVISOR, reason=True)
_REVISION = _by("data", SUPERVISOR, reason=True)
_SENSOR = _by("equipment", OPERATOR, SUPERVISOR)
_ANSWER = _by("alarm", OPERATOR, ON_CALL, SUPERVISOR)
_PERMIT = _by("alarm", ON_CALL, SUPERVISOR, reason=True)
_LIMIT = _by("alarm", SUPERVISOR)
_ROTA = _by("rota", ON_CALL, SUPERVISOR, ADMIN)
_USER = _by("user", ADMIN, reason=True)
_ITSELF = _by("access")

ACTS: Mapping[str, Duty] = MappingProxyType(
    {
        # What grows, where it stands and where it comes from.
        "enrol": _WORK,
        "biopsy": _WORK,
        "open": _WORK,
        "start": _WORK,
        "place": _WORK,
        "leave": _WORK,
        "passage": _WORK,
        "split": _WORK,
        "pool": _WORK,
        "freeze": _WORK,
        "thaw": _WORK,
        "close": _WORK,
        "check": _WORK,
        "dispose": _CHANGE,
        "correct": _CHANGE,
        "withdraw": _CHANGE,
        "amend": _REVISION,
        "relink": _REVISION,
        "protocol": _by("protocol", SUPERVISOR),
        # Vials on their way to another site, patients who are forgotten, loggers' readings.
        "ship": _WORK,
        "dispatch": _WORK,
        "arrive": _WORK,
        "transfer": _WORK,
        "lose": _CHANGE,
        "accession": _WORK,
        "carry": _WORK,
        "intake": _WORK,
        "erase": _REVISION,
        # Sensors, what they are calibrated by, and the care that devices are given.
        "sensor": _SENSOR,
        "certify": _SENSOR,
        "calibrate": _SENSOR,
        "calibrated": _SENSOR,
        "install": _SENSOR,
        "reinstall": _SENSOR,
        "uninstall": _SENSOR,
        "care": _SENSOR,
        # Tokens of programs.
        "token": _by("user", ADMIN),
        # Orders to the alarm engine.
        "alarm.ack": _ANSWER,
        "alarm.unack": _ANSWER,
        "alarm.reset": _ANSWER,
        "alarm.done": _ANSWER,
        "alarm.shelve": _ANSWER,
        "alarm.unshelve": _ANSWER,
        "alarm.in_service": _ANSWER,
        "alarm.out_of_service": _PERMIT,
        "alarm.suppress": _PERMIT,
        "alarm.edit": _LIMIT,
        "alarm.remove": _LIMIT,
        "alarm.override": _ROTA,
        "alarm.swap": _ROTA,
        "alarm.withdraw": _ROTA,
        "alarm.rota": _ROTA,
        "alarm.drill": _by("rota", ON_CALL, SUPERVISOR, ADMIN),
        "alarm.tell": _by("rota"),
        "alarm.reload": _by("configuration", SUPERVISOR, ADMIN),
        "alarm.due": _by("equipment"),
        # Signatures; ``why_not_sign`` asks for clean hands as well.
        "sign-prepared": _by("signature", OPERATOR, SUPERVISOR),
        "sign-reviewed": _by("signature", SUPERVISOR, QA),
        "sign-approved": _by("signature", QA),
        "sign-audit": _by("signature", QA),
        # People. Everybody changes their own password.
        "user-add": _by("user", ADMIN),
        "user-change": _USER,
        "user-end": _USER,
        "user-return": _USER,
        "password-reset": _USER,
        "unlock": _USER,
        "pin": _by("user", ADMIN),
        "password": _by("user", *Role),
        "bootstrap": _by("user"),
        # Copies, and the trail itself.
        "export": _by("export", OPERATOR, SUPERVISOR, QA, AUDITOR),
        "record": _by("export", OPERATOR, SUPERVISOR, QA, AUDITOR),
        "backup": _by("export", ADMIN),
        "read-audit": _by("audit", SUPERVISOR, QA, ADMIN, AUDITOR),
        "configuration": _by("configuration"),
        "explain": _by("configuration", SUPERVISOR, ADMIN, reason=True),
        # What the program notes of its own accord.
        "login": _ITSELF,
        "login-failed": _ITSELF,
        "login-locked": _ITSELF,
        "sign-on": _ITSELF,
        "sign-on-failed": _ITSELF,
        "lockout": _ITSELF,
        "rehash": _ITSELF,
        "denied": _ITSELF,
        # What it copies of the alarm history, and where it notes that other chains end.
        "alarm": _by("alarm"),
        "anchor": _by("audit"),
    }
)
"""Every act, by its kind."""

MADE = frozenset({"data", "equipment"})
"""Areas of acts that make what is later judged; so does the signature of who prepared it."""
JUDGING = frozenset({"sign-reviewed", "sign-approved", "sign-audit"})
"""Signatures that only clean hands give."""


class UnknownActError(LookupError):
    """A kind of act that ``ACTS`` has no line for: a mistake in the program, not of a person."""


class Why(StrEnum):
    """Why somebody may not do something, as they read it."""

    NOBODY = "is no person of this ledger"
    ENDED = "works here no more"
    ROLE = "has no role that may do this"
    HANDS = "had a hand in it, and nobody reviews or approves what they prepared"
    CHANGED = "stands in a row of the ledger that was changed; run culturewatch verify"


class Denied(Refused):
    """An act that a person may not do. It is kept in the audit trail: who, what, on what, why."""

    def __init__(self, by: str, act: str, subject: str, why: Why, roles: str = "") -> None:
        held = f" (roles: {roles})" if roles else ""
        whose = ", ".join(sorted(duty(act).roles)) or "nobody"
        hint = f"; {act} is for: {whose}" if why is Why.ROLE else ""
        super().__init__(f"{subject}: {by}{held} {why}{hint}")
        self.by, self.act, self.subject, self.why = by, act, subject, why


def duty(act: str) -> Duty:
    """The line of ``act``.

    Raises:
        UnknownActError: it has none.
    """
    try:
        return ACTS[act]
    except KeyError:
        raise UnknownActError(
            f"{act!r} has no line in batches.authority.ACTS; say there whose act it is"
        ) from None


def why_not(person: Person | None, act: str) -> Why | None:
    """Why ``person`` (None: nobody whom the ledger knows) may not do ``act``; None if they may.

    Raises:
        UnknownActError: there is no such act.
    """
    allowed = duty(act).roles
    if person is None:
        return Why.NOBODY
    if not person.active:
        return Why.ENDED
    return None if allowed.intersection(person.roles) else Why.ROLE


def may(person: Person | None, act: str) -> bool:
    """Whether ``person`` may do ``act``; as ``why_not``."""
    return why_not(person, act) is None


def hands(acts: Iterable[Act]) -> frozenset[str]:
    """Who had a hand in what ``acts`` are about: not who looked, copied or was denied."""
    return frozenset(
        act.by for act in acts if duty(act.kind).area in MADE or act.kind == "sign-prepared"
    )


def why_not_sign(person: Person | None, act: str, *, touched: Collection[str]) -> Why | None:
    """``why_not`` for a signature. ``touched``: the ids of all with a hand in what is signed.

    Raises:
        UnknownActError: there is no such act.
    """
    why = why_not(person, act)
    if why is None and person is not None and act in JUDGING:
        ids = {each.casefold() for each in touched}
        return Why.HANDS if person.id.casefold() in ids else None
    return why
