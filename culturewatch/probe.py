"""``culturewatch probe``: which profile an unknown Modbus device follows, and how to declare it."""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from collector.survey import Found, Surveyor
from devices import catalog
from devices.identity import Identity
from devices.likeness import Guess, Likeness, guesses, wanted, weigh
from devices.plan import registers

CONVINCING_BITS = 6.5
"""Evidence below which a likeness is named, but not believed: one chance in ninety."""
RIVAL_BITS = 3.0
"""So near to the best, another profile fits as well."""
SHOWN = 5
ANY_UNIT = 0xFE
"""Answered by every Senseair sensor on a line: asked for only where nobody else is."""
FIRST_UNITS = range(1, 11)
Progress = Callable[[str], None]


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """What is behind one unit id. ``ranked`` are the profiles that fit, best first.

    ``best`` are those at the top that what was read cannot tell apart, ``is_sure`` whether the
    evidence for them is enough. ``largest`` is the largest block it gave, in registers.
    ``identity`` is what it says of itself (43/14), None where it says nothing.
    """

    unit: int
    registers: int
    refused: int
    ranked: tuple[Likeness, ...]
    best: tuple[str, ...]
    is_sure: bool
    largest: int
    identity: Identity | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe found. ``any_unit``: the endpoint answers to every unit id alike."""

    endpoint: str
    units_tried: tuple[int, ...]
    any_unit: bool
    suspects: tuple[Suspect, ...]
    requests: int


def known_guesses(beside: Path | None = None) -> tuple[Guess, ...]:
    """Every way in which a device may follow a profile that is shipped or is the site's own.

    Raises:
        devices.catalog.ProfileError: one of the site's own cannot be used.
    """
    found: list[Guess] = []
    for name in catalog.names(beside):
        profile = catalog.find(name, beside)
        # A site's own is of a device, though its maker may not be filled in yet.
        is_own = beside is not None and (beside / f"{name}.toml").is_file()
        if is_own or not profile.is_template:
            found += guesses(name, profile)
    # As documented first: a device that is understood then is asked little more.
    return tuple(sorted(found, key=lambda guess: (guess.shift != 0, guess.is_flipped)))


def default_units(among: Iterable[Guess]) -> tuple[int, ...]:
    """The unit ids that are tried unasked: 1 to 10, and where makers set their devices."""
    makers = {guess.modbus.unit for guess in among} - {ANY_UNIT, 0}
    return (*FIRST_UNITS, *sorted(makers - set(FIRST_UNITS)))


async def probe(
    surveyor: Surveyor,
    endpoint: str,
    among: Sequence[Guess],
    *,
    units: Sequence[int],
    progress: Progress = lambda _: None,
) -> Report:
    """Find the units behind the endpoint, and what each of them is.

    Raises:
        collector.survey.SurveyError: it cannot be reached, or stopped answering.
    """
    progress(f"looking for {len(units)} unit ids")
    there, any_unit = await surveyor.find(units)
    if not there and ANY_UNIT not in units:
        there, _ = await surveyor.find((ANY_UNIT,))
    suspects = [await _suspect(surveyor, unit, among, progress) for unit in there]
    return Report(
        endpoint=endpoint,
        units_tried=tuple(units),
        any_unit=any_unit,
        suspects=tuple(suspects),
        requests=surveyor.requests,
    )


async def _suspect(
    surveyor: Surveyor, unit: int, among: Sequence[Guess], progress: Progress
) -> Suspect:
    found = Found()
    for number, guess in enumerate(among, start=1):
        progress(f"unit {unit}: {guess.name} ({number} of {len(among)})")
        await surveyor.read(unit, wanted(guess).blocks, found)
    progress(f"unit {unit}: who it says it is")
    said = await surveyor.identity(unit)
    ranked = rank(among, found, said)
    best = tied(ranked)
    largest = 0
    if best:
        guess = next(g for g in among if g.name == best[0] and g.shift == ranked[0].shift)
        first = min(registers(guess.profile), key=lambda r: (r.type == "bit", r.address))
        if first.type != "bit":
            progress(f"unit {unit}: how much it gives at once")
            largest = await surveyor.largest(unit, first.table, first.address)
    return Suspect(
        unit=unit,
        registers=len(found.cells),
        refused=len(found.refused),
        ranked=ranked[:SHOWN],
        best=best,
        is_sure=bool(ranked) and is_convincing(ranked[0]),
        largest=largest,
        identity=said,
    )


def rank(
    among: Iterable[Guess], found: Found, said: Identity | None = None
) -> tuple[Likeness, ...]:
    """The profiles by how well what was found fits, each in its best way; best first."""
    best: dict[str, Likeness] = {}
    for guess in among:
        likeness = weigh(guess, found.cells, discerning=found.discerning, said=said)
        if math.isinf(likeness.bits) or likeness.bits <= 0:
            continue
        held = best.get(guess.name)
        if held is None or likeness.bits > held.bits:
            best[guess.name] = likeness
    return tuple(sorted(best.values(), key=_order))


def tied(ranked: Sequence[Likeness]) -> tuple[str, ...]:
    """The names at the top that what was read cannot tell apart."""
    if not ranked:
        return ()
    top = ranked[0]
    return tuple(
        one.name
        for one in ranked
        if top.bits - one.bits < RIVAL_BITS and (one.self_test or not top.self_test)
    )


def is_convincing(likeness: Likeness) -> bool:
    """Whether the evidence is enough to name the profile.

    Where its self-test passes, a channel that speaks against it is a fault to be looked at.
    """
    if likeness.self_test:
        return True
    return likeness.bits >= CONVINCING_BITS and not likeness.against


def _order(likeness: Likeness) -> tuple[float, str]:
    return -likeness.bits, likeness.name
