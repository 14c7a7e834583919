"""One alarm from being set to being over, put together from the alarm history."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

import msgspec

from alerts.delivery import Delivery
from alerts.reader import AlarmReader, SentPage
from alerts.transition import Transition, What

_ALL = 1 << 40
_NEEDLESS = frozenset({Delivery.CANCELLED, Delivery.EXPIRED})
_OVER = frozenset({What.CLEAR, What.CLOSED, What.CANCELLED, What.VOID})


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """An occurrence of ``rule``. Times are epoch milliseconds, UTC; None has not happened.

    ``pages`` are the messages about it, and ``trail`` is everything the history says of it.
    """

    rule: str
    channel: str
    occurrence: int
    severity: str
    why: str
    began: int
    set_at: int
    cleared_at: int | None
    acknowledged_at: int | None
    acknowledged_by: str
    pages: tuple[SentPage, ...]
    trail: tuple[Transition, ...]

    @property
    def device(self) -> str:
        """The device whose channel it was."""
        return device_of(self.channel)

    @property
    def told(self) -> tuple[str, ...]:
        """Whose page a provider took, each person once, in the order of the messages."""
        handed = (p for p in self.pages if p.handed is not None and p.state is not Delivery.FAILED)
        return tuple(dict.fromkeys(page.person for page in handed))

    @property
    def not_reached(self) -> tuple[str, ...]:
        """Who should have been told and was not, as far as is known."""
        told = self.told
        missed = (p for p in self.pages if p.state not in _NEEDLESS and p.person not in told)
        return tuple(dict.fromkeys(page.person for page in missed))

    def touches(self, start: int, end: int) -> bool:
        """Whether it was going on at any time in ``[start, end)``."""
        return self.began < end and (self.cleared_at is None or self.cleared_at > start)


def device_of(channel: str) -> str:
    """The device part of a channel id: ``inc1`` of ``inc1.temperature``."""
    return channel.rpartition(".")[0]


def episodes(alarms: AlarmReader, devices: Collection[str], until: int) -> tuple[Episode, ...]:
    """The alarms on ``devices`` that were set before ``until`` (epoch ms), oldest first.

    The history says which they are, not the rules of today: a rule may be gone since.

    Raises:
        alerts.schema.StoreError: the alarm store cannot be read.
    """
    rules = {rule for rule, channel in alarms.alarmed() if device_of(channel) in devices}
    if not rules:
        return ()
    pages: dict[tuple[str, int], list[SentPage]] = defaultdict(list)
    for page in reversed(alarms.pages(limit=_ALL)):
        pages[page.rule, page.occurrence].append(page)
    found: list[Episode] = []
    for rule in sorted(rules):
        trails: dict[int, list[Transition]] = {}
        for row in reversed(alarms.history(limit=_ALL, rule=rule)):
            entry = row.transition
            if entry.occurrence is not None and entry.at < until:
                trails.setdefault(entry.occurrence, []).append(entry)
        for occurrence, trail in trails.items():
            episode = _episode(trail, pages[rule, occurrence])
            if episode is not None and episode.device in devices:
                found.append(episode)
    return tuple(sorted(found, key=lambda e: (e.set_at, e.rule, e.occurrence)))


def _episode(trail: Sequence[Transition], pages: Iterable[SentPage]) -> Episode | None:
    setting = _first(trail, What.SET)
    if setting is None or setting.occurrence is None:
        return None
    acknowledged = _first(trail, What.ACK)
    last_set = max(n for n, entry in enumerate(trail) if entry.what in {What.SET, What.RE_ALARM})
    over = [entry for entry in trail[last_set:] if entry.what in _OVER]
    return Episode(
        rule=setting.rule,
        channel=setting.channel,
        occurrence=setting.occurrence,
        severity=next((e.severity for e in reversed(trail) if e.severity), ""),
        why=setting.why,
        began=setting.at if setting.since is None else setting.since,
        set_at=setting.at,
        cleared_at=over[0].at if over else None,
        acknowledged_at=None if acknowledged is None else acknowledged.at,
        acknowledged_by="" if acknowledged is None else acknowledged.by,
        pages=tuple(pages),
        trail=tuple(trail),
    )


def _first(trail: Sequence[Transition], what: What) -> Transition | None:
    return next((entry for entry in trail if entry.what is what), None)
