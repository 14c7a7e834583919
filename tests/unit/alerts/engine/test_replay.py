"""Whatever happens, the journal replayed gives the same, and the invariants of A2 hold."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.engine.engine import Engine
from alerts.engine.watch import Watch
from alerts.policy import Policy, Step
from alerts.rule import Limit, Rule
from alerts.rulebook import Rulebook
from alerts.transition import Transition, What
from devices.duration import parse
from devices.quality import VALUELESS, Quality
from devices.scan import Layout, Scan, Source
from storage.entry import ClockStep, Command, Entry, Started, Tick
from tests.unit.alerts.engine.lab import CHAIN, START, rulebook  # a test's own

pytestmark = pytest.mark.long

LAYOUTS = (
    Layout("inc1", ("temperature", "oxygen"), ("temperature", "oxygen")),
    Layout("room", ("power",), ("state",)),
)
CHANNELS = ("inc1.temperature", "inc1.oxygen", "room.power")
RULES = (
    Rule(
        id="hot",
        channel="inc1.temperature",
        kind="high",
        limit=2.0,
        deadband=0.5,
        on_delay=parse("30s"),
        off_delay=parse("20s"),
        severity="medium",
        steps=(Limit(limit=3.0, severity="critical"),),
        re_alarm=parse("2m"),
        policy="chain",
        suppress_by="power",
        suppress_cap=parse("3m"),
        suppress_after=parse("20s"),
        shelve_max=parse("10m"),
    ),
    Rule(
        id="cold",
        channel="inc1.temperature",
        kind="low",
        limit=0.0,
        on_delay=parse("20s"),
        severity="high",
        latching=True,
        policy="round",
        inhibited_by="power",
    ),
    Rule(
        id="bursts",
        channel="inc1.oxygen",
        kind="count",
        limit=2.0,
        count=3,
        window=parse("2m"),
        policy="chain",
        flapping=3,
        flapping_window=parse("15m"),
        guard=True,
    ),
    Rule(id="power", channel="room.power", kind="discrete", limit=1.0, policy="chain"),
    Rule(id="silent", channel="inc1.temperature", kind="silence", policy="chain"),
    Rule(
        id="broken",
        channel="inc1.temperature",
        kind="out-of-range",
        on_delay=parse("10s"),
        good_after=2,
        policy="chain",
    ),
)
ROUND = Policy(
    id="round",
    steps=(*CHAIN.steps, Step(after=parse("6m"), to=()), Step(after=parse("7m"), to=("C",))),
    loop_after=parse("8m"),
    fallback=("M",),
)
QUIET: dict[str, tuple[dict[str, str], ...]] = {
    "shelve": (
        {"for": "2m", "reason": "r"},
        {"for": "8m", "reason": "r"},
        {"one_shot": "true", "reason": "r"},
        {"for": "1h", "reason": "r"},
        {"for": "long", "reason": "r"},
        {},
    ),
    "unshelve": ({},),
    "out_of_service": ({"until": str(START + 300_000), "reason": "r"}, {"reason": "r"}),
    "in_service": ({},),
    "suppress": ({"on": "true"}, {"on": "false"}),
}
CLOSING = {What.ALL_CLEAR, What.CLOSED}


@cache
def site() -> Rulebook:
    return rulebook(RULES, channels=CHANNELS, policies=[CHAIN, ROUND])


@st.composite
def scans(draw: st.DrawFn, now: int) -> Scan:
    layout = draw(st.sampled_from(LAYOUTS))
    qualities, values = [], []
    for _ in layout.keys:
        quality = draw(st.sampled_from([Quality.GOOD] * 6 + list(Quality)))
        value = draw(st.sampled_from([-1.0, 0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0]))
        qualities.append(quality)
        values.append(None if quality in VALUELESS else value)
    age = draw(st.sampled_from([0, 0, 0, 0, 1_000, 15_000, 45_000]))
    source = draw(st.sampled_from([Source.LIVE] * 5 + [Source.BACKFILL]))
    return Scan(layout, now - age, now, tuple(values), bytes(qualities), source)


@st.composite
def journals(draw: st.DrawFn) -> list[Entry]:
    """Entries in the order of a journal, the first of them a start."""
    now, made = START, [Started(at=START, version="0", configuration="")]
    entries: list[Entry] = list(made)
    for number in range(draw(st.integers(5, 60))):
        now += draw(st.sampled_from([0, 1_000, 5_000, 10_000, 20_000, 60_000, 600_000]))
        kind = draw(
            st.sampled_from(
                ["scan"] * 12 + ["tick", "ack", "ack", "ack", "order", "quiet", "started", "step"]
            )
        )
        if kind == "scan":
            entries.append(draw(scans(now)))
        elif kind == "tick":
            entries.append(Tick(now))
        elif kind == "started":
            entries.append(Started(at=now, version="0", configuration=""))
        elif kind == "step":
            step = draw(st.sampled_from([3_600_000, -3_600_000, 700]))
            now += step
            entries.append(ClockStep(at=now, step=step))
        else:
            names = [*(rule.id for rule in RULES), "chain", "nothing", "inc1"]
            target = draw(st.sampled_from(names))
            verb = "ack"
            arguments = draw(st.sampled_from([{}, {"occurrence": "1"}, {"severity": "medium"}]))
            if kind == "order":
                orders = [
                    "unack",
                    "reset",
                    "edit",
                    "remove",
                    "rota",
                    "rota",
                    "drill",
                    "tell",
                    "dance",
                ]
                verb = draw(st.sampled_from(orders))
                arguments = draw(
                    st.sampled_from(
                        [
                            {},
                            {"limit": "2.5"},
                            {"on_delay": "1m"},
                            {"limit": "?"},
                            {"policy": ""},
                            {"policy": "chain"},
                            {"re_alarm": ""},
                            {"latching": "true"},
                            {"step": "0", "to": ""},
                            {"step": "0", "to": "C"},
                            {"channel": "sms", "text": "a gap"},
                        ]
                    )
                )
            if kind == "quiet":
                verb = draw(st.sampled_from(sorted(QUIET)))
                arguments = draw(st.sampled_from(QUIET[verb]))
            entries.append(
                Command(
                    id=str(number),
                    at=now,
                    by=draw(st.sampled_from(["A", "B"])),
                    verb=verb,
                    target=target,
                    via="logic" if verb == "suppress" else "cli",
                    arguments=arguments,
                )
            )
    return entries


def played(engine: Engine, entries: list[Entry]) -> list[Transition]:
    told: list[Transition] = []
    for seq, entry in enumerate(entries):
        told += engine.advance(seq, entry)
    return told


def with_ticks(entries: list[Entry]) -> list[Entry]:
    """The journal with the ticks that a shell appends in time, as long as it runs."""
    engine, ticked = Engine(site()), list[Entry]()
    for entry in entries:
        until = entry.received if isinstance(entry, Scan) else entry.at
        until -= entry.step if isinstance(entry, ClockStep) else 0
        while not isinstance(entry, Started) and (due := engine.next_due() or until) < until:
            ticked.append(Tick(due))
            engine.advance(len(ticked), ticked[-1])
        ticked.append(entry)
        engine.advance(len(ticked), entry)
    return ticked


quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(journals())
def test_the_same_journal_gives_the_same_history_and_the_same_state(entries: list[Entry]) -> None:
    one, other = Engine(site()), Engine(site())
    assert played(one, entries) == played(other, entries)
    assert one.dump() == other.dump()


@quick
@given(journals(), st.sets(st.integers(0, 60)))
def test_a_crash_anywhere_changes_nothing(entries: list[Entry], crashes: set[int]) -> None:
    straight = Engine(site())
    wanted = played(straight, entries)
    engine, stored, told = Engine(site()), dict[str, bytes](), list[Transition]()
    for seq, entry in enumerate(entries):
        told += engine.advance(seq, entry)
        if seq in crashes:
            for key, part in engine.changed().items():
                if part is None:
                    stored.pop(key, None)
                else:
                    stored[key] = part
            engine = Engine(site(), stored)
            assert engine.changed().keys() == {"clock"}
    assert told == wanted
    assert engine.dump() == straight.dump()


@quick
@given(journals())
def test_entries_that_were_taken_before_change_nothing(entries: list[Entry]) -> None:
    engine = Engine(site())
    played(engine, entries)
    before = engine.dump()
    assert played(engine, entries) == []
    assert engine.dump() == before


@quick
@given(journals())
def test_the_shortcut_for_calm_scans_is_only_a_shortcut(entries: list[Entry]) -> None:
    short, long = Engine(site()), Engine(site())
    wanted = played(short, entries)
    with every_scan_looked_at():
        assert played(long, entries) == wanted
    assert short.dump() == long.dump()


@quick
@given(journals(), st.sets(st.integers(1, 60)))
def test_ticks_that_nobody_needed_change_nothing(entries: list[Entry], more: set[int]) -> None:
    ticked = with_ticks(entries)
    padded: list[Entry] = []
    for number, entry in enumerate(ticked):
        if number in more and isinstance(entry, Scan):
            padded.append(Tick(entry.received - 1))
        padded.append(entry)
    assert played(Engine(site()), padded) == played(Engine(site()), ticked)


@quick
@given(journals())
def test_every_page_has_one_closing_message_to_exactly_the_people_paged(
    entries: list[Entry],
) -> None:
    engine = Engine(site())
    told = played(engine, entries)
    for rule in RULES:
        last = engine.view(rule.id)
        for occurrence in range(1, last.occurrence + 1):
            mine = [o for o in told if (o.rule, o.occurrence) == (rule.id, occurrence)]
            paged = {one.to for one in mine if one.what is What.QUEUED}
            closed = Counter(one.to for one in mine if one.what in CLOSING)
            closed.pop("", None)
            open_ = occurrence == last.occurrence and last.state != "N"
            assert closed == ({} if open_ else dict.fromkeys(paged, 1))
            if open_:
                assert set(last.paged) == paged


@quick
@given(journals())
def test_bad_quality_never_clears_and_an_ack_covers_only_what_it_saw(
    entries: list[Entry],
) -> None:
    engine = Engine(site())
    for seq, entry in enumerate(entries):
        told = engine.advance(seq, entry)
        if isinstance(entry, Scan) and not {0, Quality.CLOCK_UNSURE} & set(entry.qualities):
            values = {rule.id for rule in RULES[:4]}
            due = {o.rule for o in told if o.what is What.CLEAR and o.since != o.at}
            assert not {o.rule for o in told if o.what is What.CLEAR} & values - due
        for view in engine.views():
            if view.state == "A":
                seen = view.worst
                risen = [o for o in told if o.rule == view.rule and o.what is What.SEV_UP]
                assert all(one.severity <= seen or one.severity == seen for one in risen)


@quick
@given(journals())
def test_nobody_is_paged_for_what_is_quiet_and_everybody_for_what_was_when_it_ends(
    entries: list[Entry],
) -> None:
    engine = Engine(site())
    ended = {What.UNSHELVED, What.UNSUPPRESSED, What.IN_SERVICE}
    for seq, entry in enumerate(entries):
        shaded = {v.rule for v in engine.views() if v.overlay != "none"}
        told = engine.advance(seq, entry)
        lifted = {one.rule for one in told if one.what in ended}
        assert not {o.rule for o in told if o.what is What.QUEUED} & (shaded - lifted)
        for view in engine.views():
            if view.overlay != "none":
                assert (view.escalation, view.step) == ("IDLE", None)
            elif view.rule in lifted and view.state == "U" and not view.under:
                paged = {o.what for o in told if o.rule == view.rule}
                assert {What.QUEUED, What.SYSTEM} & paged


@quick
@given(journals())
def test_nothing_is_set_before_its_delay_is_over(entries: list[Entry]) -> None:
    delays = {rule.id: rule.on_delay for rule in RULES if rule.kind in {"high", "low"}}
    edited = any(isinstance(e, Command) and e.verb == "edit" for e in entries)
    for one in played(Engine(site()), entries):
        if one.what is What.SET and one.rule in delays and not edited:
            assert one.since is not None
            assert one.at - one.since >= delays[one.rule]


@quick
@given(journals())
def test_every_command_is_answered(entries: list[Entry]) -> None:
    engine = Engine(site())
    for seq, entry in enumerate(entries):
        told = engine.advance(seq, entry)
        if isinstance(entry, Command):
            assert entry.id in {one.command for one in told}


@quick
@given(journals())
def test_the_next_due_time_is_in_the_future_once_a_tick_was_taken(entries: list[Entry]) -> None:
    engine = Engine(site())
    played(engine, entries)
    for seq in range(len(entries), len(entries) + 300):
        due = engine.next_due()
        if due is None:
            return
        engine.advance(seq, Tick(due))
        after = engine.next_due()
        assert after is None or after > due


@contextmanager
def every_scan_looked_at() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Watch, "passes", lambda *_: False)
        yield
