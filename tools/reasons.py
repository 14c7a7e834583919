"""Why mutants survive: ``tools/survivors/<engine file>.toml``, each reason a fact of the code.

A mutant is named by its id, which stays the same as long as its function does. What is found
after all, or no longer exists, makes its reason stale.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from tools.mutants import Mutant
from tools.trials import SURVIVED


class ReasonsError(Exception):
    """A file of reasons cannot be used; says which, and what is wrong in it."""


class Because(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why these mutants (their ids) cannot be seen from outside, or what it would take."""

    why: Annotated[str, msgspec.Meta(min_length=1)]
    mutants: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    because: Annotated[tuple[Because, ...], msgspec.Meta(min_length=1)]


class Explained(NamedTuple):
    """Survivors by the reason that they have, and those that have none."""

    by_why: Mapping[str, Sequence[Mutant]]
    without: Sequence[Mutant]


def all_reasons(folder: Path) -> list[Because]:
    """Those of all files of a folder.

    Raises:
        ReasonsError: a file is no file of reasons, or a mutant has two.
    """
    found = list(chain.from_iterable(_of_file(path) for path in sorted(folder.glob("*.toml"))))
    known: dict[str, str] = {}
    for reason in found:
        for mutant in reason.mutants:
            if mutant in known:
                told = f"{folder}: mutant {mutant} has two reasons; leave one"
                raise ReasonsError(f"{told}: {known[mutant]!r}, {reason.why!r}")
            known[mutant] = reason.why
    return found


def explained(survivors: Iterable[Mutant], reasons: Iterable[Because]) -> Explained:
    """Each survivor under its reason; one that several files give is one."""
    whys = {mutant: reason.why for reason in reasons for mutant in reason.mutants}
    by_why: dict[str, list[Mutant]] = defaultdict(list)
    without: list[Mutant] = []
    for mutant in survivors:
        (by_why[whys[mutant.id]] if mutant.id in whys else without).append(mutant)
    return Explained(by_why, without)


def stale(
    reasons: Iterable[Because], everything: Iterable[Mutant], outcomes: Mapping[str, int]
) -> list[Because]:
    """What of the reasons is out of date: each with those mutants that are found or gone."""
    alive = {m.id for m in everything if outcomes.get(m.id, SURVIVED) == SURVIVED}
    left = [
        Because(reason.why, tuple(one for one in reason.mutants if one not in alive))
        for reason in reasons
        if not alive.issuperset(reason.mutants)
    ]
    return sorted(left, key=lambda reason: reason.why)


def _of_file(path: Path) -> Sequence[Because]:
    try:
        return msgspec.toml.decode(path.read_bytes(), type=_File).because
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise ReasonsError(f"{path}: {error}") from error
