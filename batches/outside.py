"""Looks for what was out of limits on devices over a period, by what was in force at the time."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import floor

import msgspec

from alerts.rule import Rule
from batches import kinship, patients
from batches.bank import Bank
from batches.calibration import Book
from batches.course import Course, courses, unkept
from batches.episode import Episode
from batches.export.trace import Trace, good_readings
from batches.exposure import Exposure
from batches.in_force import InForce
from batches.instruments import Instruments
from batches.joined import joined
from batches.ledger import Ledger
from batches.placement import Interval, Placement
from batches.policy import Judged, Policy
from batches.setting import Equipment, Setting
from batches.survey import Part, Readings, Sink, Summary, limits_of, survey
from storage.archive.pieces import Piece

RULES = "alarm rules"
Visit = Callable[[Summary, Trace], None]
"""Is shown a channel over a time with limits, and its line."""


def unheeded(_: object, __: object) -> None:
    """What is shown to nobody."""


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """An excursion on ``channel`` against what ``by`` says: the alarm rules, or a protocol's step.

    ``rules`` is the digest of the rulebook whose limits it was held against; empty for a protocol,
    and where the rules of today are all that is known. Where the limits changed while it lasted it
    is in pieces, each with its own limits, and ``judged`` says of what it is one.
    ``batches`` and ``vials`` are who was there meanwhile, under that protocol; ``patients`` their
    tokens. ``alarms`` are rule and occurrence of the alarms that were on meanwhile.
    """

    device: str
    channel: str
    title: str
    unit: str
    by: str
    rules: str
    low: float | None
    high: float | None
    judged: Judged
    batches: tuple[str, ...]
    vials: tuple[str, ...]
    patients: tuple[str, ...]
    alarms: tuple[tuple[str, int], ...]


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the period is known of a channel that had limits in it; times in milliseconds."""

    channel: str
    coverage: float
    unknown_ms: int
    calibration_ms: int


class _Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A device over ``span``, measured against what ``by`` says."""

    by: str
    step: str
    rules: str
    span: Interval
    channels: tuple[Summary, ...]


class Search:
    """Looks through device after device.

    ``unlimited`` are devices, and times, of which no channel had limits; ``unkept`` protocols
    that the ledger has no version of.
    """

    def __init__(
        self,
        span: Interval,
        *,
        ledger: Ledger,
        readings: Readings,
        setting: Setting,
        alarms: Sequence[Episode],
        then: InForce,
        visit: Visit,
    ) -> None:
        """Look at ``span``: by the rules of ``then``, where it knows none by those of today."""
        self._ledger = ledger
        self._readings = readings
        self._setting = setting
        self._alarms = alarms
        self._then = then
        self._visit = visit
        self._bank = Bank(ledger)
        self.span = span
        self.head = ledger.head()
        self._book: Book = Instruments(ledger).book()
        self.found: list[Outside] = []
        self.known: list[Known] = []
        self.unlimited: list[tuple[str, Interval]] = []
        self.unkept: set[str] = set()

    def look(self, device: Equipment) -> None:
        """Judge it by the rules, then by each protocol of what stood there."""
        keys = [channel.key for channel in device.channels]
        cuts = self._then.cuts(device.id, keys, self.span)
        lines = [_Lines(span) for span in cuts]
        pieces = _together(
            [self._ruled(device, span, line) for span, line in zip(cuts, lines, strict=True)]
        )
        self.known += _known(pieces)
        for piece, line in zip(pieces, lines, strict=True):
            line.show(piece.channels, self._visit)
            if not any(each.exposure.limits.given for each in piece.channels):
                self.unlimited.append((device.id, piece.span))
            self._note(device.id, piece, None)
        with self._ledger.database.reading() as connection:
            found = courses(connection, device.id, self.span)
            self.unkept.update(unkept(connection, device.id, self.span))
        for course in found:
            for piece in _together([*self._followed(device, course)]):
                self._note(device.id, piece, course)

    def _ruled(self, device: Equipment, span: Interval, lines: "_Lines") -> _Piece:
        then = self._then.at(span.start)
        # Rules that nobody kept set no limits: what they were is not known.
        rules: tuple[Rule, ...] = self._setting.rules if then is None else then.rules or ()
        policies = {
            c.key: Policy(limits=limits_of(rules, f"{device.id}.{c.key}")) for c in device.channels
        }
        lines.draw(key for key, policy in policies.items() if policy.limits.given)
        return _Piece(
            by=RULES,
            step="",
            rules="" if then is None else then.digest,
            span=span,
            channels=self._survey(device, span, policies, lines),
        )

    def _followed(self, device: Equipment, course: Course) -> Iterator[_Piece]:
        for ruling in course.rulings:
            policies = {c.key: ruling.step.policy(c.key) for c in device.channels}
            for span in course.present(ruling.span):
                yield _Piece(
                    by=f"{ruling.reference}, step {ruling.step.id}",
                    step=ruling.step.id,
                    rules="",
                    span=span,
                    channels=self._survey(device, span, policies, unheeded),
                )

    def _survey(
        self, device: Equipment, span: Interval, policies: Mapping[str, Policy], sink: Sink
    ) -> tuple[Summary, ...]:
        return survey(
            self._readings,
            device.id,
            span,
            period=device.period,
            channels=device.channels,
            policies=policies,
            book=self._book,
            sink=sink,
        )

    def _note(self, device: str, piece: _Piece, course: Course | None) -> None:
        for summary in piece.channels:
            for judged in summary.exposure.judged:
                self.found.append(self._outside(device, piece, course, summary, judged))

    def _outside(
        self, device: str, piece: _Piece, course: Course | None, summary: Summary, judged: Judged
    ) -> Outside:
        start, end = judged.excursion.start, judged.excursion.end
        there = self._bank.endangered(device, start, end)
        among = None if course is None else course.among(Interval(start, end))
        batches, vials = (_among(stays, among) for stays in (there.batches, there.vials))
        limits = summary.exposure.limits
        return Outside(
            device=device,
            channel=summary.channel,
            title=summary.title,
            unit=summary.unit,
            by=piece.by,
            rules=piece.rules,
            low=limits.low,
            high=limits.high,
            judged=judged,
            batches=batches,
            vials=vials,
            patients=self._patients({*batches, *vials}),
            alarms=tuple(
                (alarm.rule, alarm.occurrence)
                for alarm in self._alarms
                if alarm.channel == summary.channel and alarm.touches(start, end)
            ),
        )

    def _patients(self, subjects: set[str]) -> tuple[str, ...]:
        with self._ledger.database.reading() as connection:
            found = kinship.patients(connection, subjects)
            handles = frozenset().union(*found.values())
            tokens = patients.shown(connection, self._ledger.identities, handles)
        return tuple(sorted(tokens.get(handle, handle) for handle in handles))


class _Lines:
    """The lines of channels over ``span``, drawn from what is read of their device."""

    def __init__(self, span: Interval) -> None:
        self._span = span
        self._traces: dict[str, Trace] = {}

    def draw(self, keys: Iterable[str]) -> None:
        """Those of the channels of these keys are wanted."""
        self._traces = {key: Trace(self._span) for key in keys}

    def __call__(self, part: Part, piece: Piece) -> None:
        if part is Part.INSIDE:
            for column, at, values in good_readings(piece):
                if piece.layout.keys[column] in self._traces:
                    self._traces[piece.layout.keys[column]].extend(at, values)

    def show(self, channels: Sequence[Summary], visit: Visit) -> None:
        """Those of channels that were out of limits."""
        for summary in channels:
            trace = self._traces.get(summary.channel.rpartition(".")[2])
            if summary.exposure.judged and trace is not None:
                visit(summary, trace)


def _together(pieces: Sequence[_Piece]) -> tuple[_Piece, ...]:
    """The pieces, with excursions that a change of limits cut judged as one."""
    of_step: dict[str, list[int]] = defaultdict(list)
    for place, piece in enumerate(pieces):
        of_step[piece.step].append(place)
    judged: dict[tuple[int, int], Exposure] = {}
    for places in of_step.values():
        for column in range(len(pieces[places[0]].channels)):
            exposures = [pieces[place].channels[column].exposure for place in places]
            judged |= {(p, column): e for p, e in zip(places, joined(exposures), strict=True)}
    return tuple(
        msgspec.structs.replace(
            piece,
            channels=tuple(
                msgspec.structs.replace(summary, exposure=judged[place, column])
                for column, summary in enumerate(piece.channels)
            ),
        )
        for place, piece in enumerate(pieces)
    )


def _known(pieces: Sequence[_Piece]) -> Iterator[Known]:
    """Of each channel that had limits in any of ``pieces``, over all of them."""
    for column in range(len(pieces[0].channels)):
        exposures = [piece.channels[column].exposure for piece in pieces]
        if any(each.limits.given for each in exposures):
            length = sum(each.end - each.start for each in exposures)
            known = sum(each.known_ms for each in exposures)
            yield Known(
                channel=pieces[0].channels[column].channel,
                # Never rounded up, as that of an exposure.
                coverage=floor(known * 10_000 / length) / 100,
                unknown_ms=length - known,
                calibration_ms=sum(each.calibration_ms for each in exposures),
            )


def _among(stays: Sequence[Placement], subjects: frozenset[str] | None) -> tuple[str, ...]:
    who = (stay.batch for stay in stays if subjects is None or stay.batch in subjects)
    return tuple(dict.fromkeys(who))
