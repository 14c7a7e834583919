"""Which protocols judged what stood in a device over a period, and when: as a record says it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import Connection, and_, or_

from batches import shelf, standing
from batches.placement import Interval, Placement
from batches.protocol import Step
from batches.shelf import Adopted
from batches.vial import batch_of
from storage import views


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """``step`` of the protocol ``reference`` judged during ``span``."""

    reference: str
    step: Step
    span: Interval


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """The ``stays`` in a device that were judged by the same ``rulings``, one after the other."""

    rulings: tuple[Ruling, ...]
    stays: tuple[Placement, ...]

    def present(self, span: Interval) -> tuple[Interval, ...]:
        """When within ``span`` anything of it stood there, in the order of time."""
        found: list[Interval] = []
        for part in sorted((_within(s, span) for s in self.stays), key=lambda each: each.start):
            if part.start >= part.end:
                continue
            if found and part.start <= found[-1].end:
                found[-1] = Interval(found[-1].start, max(part.end, found[-1].end))
            else:
                found.append(part)
        return tuple(found)

    def among(self, span: Interval) -> frozenset[str]:
        """The batches and vials of it that stood there at any time of ``span``."""
        here = (stay for stay in self.stays if stay.start < span.end)
        return frozenset(s.batch for s in here if s.end is None or s.end > span.start)


def courses(connection: Connection, device: str, span: Interval) -> tuple[Course, ...]:
    """What stood in ``device`` during ``span`` and had a protocol, by the protocols it had."""
    found: dict[tuple[Ruling, ...], list[Placement]] = defaultdict(list)
    for stay, adopted in _there(connection, device, span):
        rulings = tuple(_rulings(adopted, device, span))
        if rulings:
            found[rulings].append(stay)
    return tuple(Course(rulings=rulings, stays=tuple(stays)) for rulings, stays in found.items())


def unkept(connection: Connection, device: str, span: Interval) -> tuple[str, ...]:
    """The protocols that what stood in ``device`` had, and of which the ledger has no version."""
    missing = {
        each.reference
        for _, adopted in _there(connection, device, span)
        for each in adopted
        if each.reference and each.kept is None
    }
    return tuple(sorted(missing))


def _there(
    connection: Connection, device: str, span: Interval
) -> Iterator[tuple[Placement, tuple[Adopted, ...]]]:
    """Each stay in ``device`` during ``span``, with the protocols of its batch."""
    stay = views.stay.c
    there = or_(stay.end_at.is_(None), stay.end_at > span.start)
    known: dict[str, tuple[Adopted, ...]] = {}
    where = and_(stay.device == device, stay.start_at < span.end, there)
    for each in standing.stays(connection, where):
        batch = batch_of(each.batch)
        if batch not in known:
            known[batch] = shelf.adopted(connection, batch)
        yield each, known[batch]


def _rulings(adopted: Sequence[Adopted], device: str, span: Interval) -> Iterator[Ruling]:
    """Each version from when on; what was named first holds for the time before it too."""
    for place, each in enumerate(adopted):
        start = span.start if place == 0 else max(each.since, span.start)
        end = span.end
        if place + 1 < len(adopted):
            end = min(adopted[place + 1].since, span.end)
        step = None if each.kept is None else each.kept.protocol.step_in(device)
        if step is not None and start < end:
            yield Ruling(reference=each.reference, step=step, span=Interval(start, end))


def _within(stay: Placement, span: Interval) -> Interval:
    end = span.end if stay.end is None else min(stay.end, span.end)
    return Interval(max(stay.start, span.start), end)
