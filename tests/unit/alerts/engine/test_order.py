"""However entries of one instant are ordered and batched: the same alarms, and the same pages.

Sequences come from seeds: two hundred among the unit tests, ten thousand in a check of their own,
as many as ``CULTUREWATCH_SEQUENCES`` says in ``make order-test N=1000000``.
"""

import os
import random
from collections.abc import Iterator
from functools import cache

import pytest
from msgspec.structs import replace

from alerts.engine.engine import Engine
from alerts.engine.view import AlarmView
from alerts.rule import Limit, Rule
from alerts.rulebook import Rulebook
from alerts.transition import Transition, What
from devices.duration import parse
from devices.quality import Quality
from devices.scan import Layout, Scan
from storage.entry import Command, Entry, Started, Tick
from tests.unit.alerts.engine.lab import START, rulebook  # a test's own

SEQUENCES = int(os.environ.get("CULTUREWATCH_SEQUENCES", "10000"))
BLOCKS = 10
STEPS = 14
PERIOD_MS = 10_000
LAYOUTS = tuple(Layout(f"d{n}", ("temperature",), ("temperature",)) for n in range(3))
HOT = Rule(
    id="hot",
    channel="d0.temperature",
    kind="high",
    limit=2.0,
    deadband=0.5,
    on_delay=parse("30s"),
    off_delay=parse("20s"),
    severity="medium",
    steps=(Limit(limit=3.0, severity="critical"),),
    re_alarm=parse("2m"),
    policy="chain",
)
RULES = tuple(
    replace(rule, id=f"{rule.id}-{layout.device}", channel=f"{layout.device}.temperature")
    for layout in LAYOUTS
    for rule in (
        HOT,
        replace(
            HOT, id="cold", kind="low", limit=0.0, steps=(), latching=True, on_delay=parse("0s")
        ),
        replace(HOT, id="silent", kind="silence", limit=None, steps=(), on_delay=parse("40s")),
        replace(
            HOT,
            id="bursts",
            kind="count",
            steps=(),
            count=3,
            window=parse("1m"),
            on_delay=parse("0s"),
            flapping=3,
            flapping_window=parse("2m"),
        ),
    )
)


@cache
def site() -> Rulebook:
    return rulebook(RULES, channels=[f"{layout.device}.temperature" for layout in LAYOUTS])


def instants(chance: random.Random) -> Iterator[tuple[list[Entry], list[Entry]]]:
    """For each instant the scans of it, in some order, and what people do after them."""
    values = [1.0] * len(LAYOUTS)
    for step in range(STEPS):
        now = START + (step + 1) * PERIOD_MS
        scans: list[Entry] = []
        for place, layout in enumerate(LAYOUTS):
            if chance.random() < 0.3:
                values[place] = chance.choice([-1.0, 0.2, 1.0, 1.6, 2.0, 2.5, 3.5])
            if chance.random() < 0.15:
                continue
            bad = chance.random() < 0.1
            quality = Quality.SENSOR_FAULT if bad else Quality.GOOD
            value = None if bad else values[place]
            scans.append(Scan(layout, now, now, (value,), bytes((quality,))))
        acts: list[Entry] = []
        if chance.random() < 0.3:
            verb = chance.choice(["ack", "ack", "unack", "reset", "shelve", "unshelve"])
            arguments = {"for": "1m", "reason": "r"} if verb == "shelve" else {}
            target = chance.choice(RULES).id
            acts.append(
                Command(
                    id=str(step),
                    at=now,
                    by="A",
                    verb=verb,
                    target=target,
                    via="cli",
                    arguments=arguments,
                )
            )
        yield scans, acts


def journal(seed: int, order: int) -> list[Entry]:
    """The entries of a sequence; ``order`` shuffles the scans of each instant."""
    shuffled = random.Random(f"{seed}/{order}")
    entries: list[Entry] = [Started(at=START, version="0", configuration="")]
    for scans, acts in instants(random.Random(seed)):
        if order:
            shuffled.shuffle(scans)
        entries += [*scans, *acts]
    return entries


def judged(entries: list[Entry]) -> tuple[list[tuple[object, ...]], tuple[AlarmView, ...]]:
    """What people were told, and where the alarms stand; ticks come as the shell gives them."""
    engine, told, seq = Engine(site()), list[Transition](), 0
    for entry in entries:
        until = entry.received if isinstance(entry, Scan) else entry.at
        while (due := engine.next_due()) is not None and due < until:
            told += engine.advance(seq, Tick(due))
            seq += 1
        told += engine.advance(seq, entry)
        seq += 1
    handed = {What.QUEUED, What.ALL_CLEAR, What.CLOSED, What.NOTICE}
    pages = sorted(
        (one.at, one.what.value, one.rule, one.occurrence, one.activation, one.to, one.why)
        for one in told
        if one.what in handed
    )
    return list(pages), engine.views()


def disagreements(seeds: range) -> tuple[list[int], int]:
    """Sequences whose outcome depends on the order, and how many paged somebody."""
    wrong, paged = [], 0
    for seed in seeds:
        outcome = judged(journal(seed, 0))
        if judged(journal(seed, 1)) != outcome:
            wrong.append(seed)
        paged += bool(outcome[0])
    return wrong, paged


def test_the_order_within_an_instant_changes_neither_pages_nor_states() -> None:
    wrong, paged = disagreements(range(200))
    assert wrong == []
    # The sequences are about something: most of them page somebody.
    assert paged > 100


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("block", range(BLOCKS))
def test_so_it_is_in_many_sequences(block: int) -> None:
    each = SEQUENCES // BLOCKS
    assert disagreements(range(block * each, (block + 1) * each))[0] == []
