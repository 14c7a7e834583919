"""Measures stay after stay of a batch by what was in force then, and judges them together."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import count

import msgspec

from batches.calibration import Book
from batches.exposure import Exposure
from batches.findings import Stamps, Stay
from batches.handling import Watcher
from batches.in_force import InForce
from batches.joined import joined
from batches.placement import Interval, Placement, Refused
from batches.policy import Policy
from batches.protocol import Protocol, Step
from batches.setting import Equipment, Setting
from batches.shelf import Adopted
from batches.survey import Part, Readings, limits_of, survey
from batches.vial import batch_of
from devices.quality import Quality
from devices.scan import Source
from storage.archive.pieces import Piece

Visit = Callable[[int, Interval, Part, Piece], None]
"""Is shown the number and time of a stay, and what was read for it, piece by piece."""
_UNSURE = int(Quality.CLOCK_UNSURE)


class _Ruling(msgspec.Struct, frozen=True):
    """What judges during ``span``: a protocol, or without one the rules in force."""

    span: Interval
    protocol: Protocol | None


class Examiner:
    """Goes once through the readings of each stay."""

    def __init__(
        self,
        readings: Readings,
        setting: Setting,
        protocols: Sequence[Adopted],
        past: InForce,
        visit: Visit,
        *,
        book: Book,
    ) -> None:
        """Judge by ``protocols``, or by the rules of the ``past``; ``visit`` sees every scan.

        ``book`` knows which readings were taken in calibration, and how uncertain they are.
        """
        self._book = book
        self._readings = readings
        self._setting = setting
        self._protocols = protocols
        self._past = past
        self._visit = visit

    def stays(
        self, placements: Sequence[Placement], *, now: int, bench: Sequence[Interval]
    ) -> tuple[Stay, ...]:
        """One for each placement, or more where what judges it changed meanwhile.

        Raises:
            Refused: it stood in a device that the site does not know.
            storage.waiting.JournalError: the journal cannot be read.
        """
        numbers = count(1)
        measured = [
            self._stay(next(numbers), placement, ruling)
            for placement in placements
            for ruling in self._rulings(placement, now)
        ]
        return _together(measured, bench)

    def _rulings(self, placement: Placement, now: int) -> Iterator[_Ruling]:
        """The time of ``placement`` up to ``now``, cut where what judges it changed."""
        end = now if placement.end is None else min(placement.end, now)
        starts = [placement.start]
        adopted = self._adopted(placement)
        starts += [a.since for a in adopted if placement.start < a.since < end]
        for start, until in zip(starts, [*starts[1:], end], strict=True):
            protocol = _protocol_at(adopted, start)
            span = Interval(start, until)
            if protocol is not None:
                yield _Ruling(span, protocol)
                continue
            keys = [channel.key for channel in self._equipment(placement).channels]
            for piece in self._past.cuts(placement.device, keys, span):
                yield _Ruling(piece, None)

    def _adopted(self, placement: Placement) -> list[Adopted]:
        """What judges it: the protocols of its batch, or of the one its vial was frozen from."""
        batch = batch_of(placement.batch)
        return [each for each in self._protocols if each.batch == batch]

    def _stay(self, number: int, placement: Placement, ruling: _Ruling) -> Stay:
        equipment, device = self._equipment(placement), placement.device
        protocol, span = ruling.protocol, ruling.span
        step = None if protocol is None else protocol.step_in(device)
        rules = self._past.at(span.start)
        watcher = Watcher(
            device, span, period=equipment.period, channels=equipment.channels, book=self._book
        )
        seen = _Seen(self._visit, number, span, watcher)
        summaries = survey(
            self._readings,
            device,
            span,
            period=equipment.period,
            channels=equipment.channels,
            policies={
                channel.key: self._policy(ruling, step, f"{device}.{channel.key}")
                for channel in equipment.channels
            },
            book=self._book,
            sink=seen,
        )
        return Stay(
            number=number,
            placement=placement,
            span=span,
            protocol="" if protocol is None else protocol.reference,
            step="" if step is None else step.id,
            rules=rules.digest if protocol is None and rules is not None else "",
            unchecked=bool(step and step.second_check and placement.checked_by is None),
            channels=summaries,
            handlings=watcher.result(),
            stamps=seen.stamps(),
        )

    def _equipment(self, placement: Placement) -> Equipment:
        for each in self._setting.equipment:
            if each.id == placement.device:
                return each
        raise Refused(
            f"{placement.batch}: stood in {placement.device}, which this site does not know; "
            "add the device to the site to make the record",
            row=placement.row,
        )

    def _policy(self, ruling: _Ruling, step: Step | None, channel: str) -> Policy:
        if ruling.protocol is not None:
            return Policy() if step is None else step.policy(channel.rpartition(".")[2])
        then = self._past.at(ruling.span.start)
        if then is None:
            return Policy(limits=limits_of(self._setting.rules, channel))
        # Rules that nobody kept set no limits: what they were is not known.
        return Policy(limits=limits_of(then.rules or (), channel))


def _protocol_at(adopted: Sequence[Adopted], at: int) -> Protocol | None:
    held = [each for each in adopted if each.since <= at] or adopted[:1]
    kept = held[-1].kept if held else None
    return None if kept is None else kept.protocol


class _Seen:
    """Shows what was read for a stay to whoever visits, and notes how it was stamped."""

    def __init__(self, visit: Visit, number: int, span: Interval, watcher: Watcher) -> None:
        self._visit = visit
        self._watch = watcher.take_all
        self._number = number
        self._span = span
        self._soonest: int | None = None
        self._latest: int | None = None
        self._unsure = 0

    def __call__(self, part: Part, piece: Piece) -> None:
        self._visit(self._number, self._span, part, piece)
        self._watch(piece)
        rows = piece.rows
        live = (rows.source == Source.LIVE) & ~rows.repeat
        if part is not Part.INSIDE or not live.any():
            return
        late = (rows.received - rows.at)[live]
        soonest, latest = int(late.min()), int(late.max())
        self._soonest = soonest if self._soonest is None else min(self._soonest, soonest)
        self._latest = latest if self._latest is None else max(self._latest, latest)
        self._unsure += sum(
            marks.count(_UNSURE)
            for marks, counts in zip(rows.qualities, live.tolist(), strict=True)
            if counts and marks is not None
        )

    def stamps(self) -> Stamps:
        return Stamps(soonest=self._soonest, latest=self._latest, unsure=self._unsure)


def _together(stays: Sequence[Stay], bench: Sequence[Interval]) -> tuple[Stay, ...]:
    """The stays, with excursions that a move or a change of rules cut judged as one."""
    courses: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for place, stay in enumerate(stays):
        for column, summary in enumerate(stay.channels):
            key = summary.channel.rpartition(".")[2]
            courses[stay.step, key].append((place, column))
    judged: dict[tuple[int, int], Exposure] = {}
    for where in courses.values():
        exposures = [stays[place].channels[column].exposure for place, column in where]
        judged |= zip(where, joined(exposures, bench), strict=True)
    return tuple(
        msgspec.structs.replace(
            stay,
            channels=tuple(
                msgspec.structs.replace(summary, exposure=judged[place, column])
                for column, summary in enumerate(stay.channels)
            ),
        )
        for place, stay in enumerate(stays)
    )
