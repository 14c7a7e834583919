"""``culturewatch alarm replay`` on a folder of data, as people type it."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from alerts import history
from alerts.engine.engine import Engine
from alerts.store import AlarmStore, Batch, Caused, save
from culturewatch import paths
from culturewatch.parts import rulebook
from culturewatch.rule_trial import proposed_rules, seek
from culturewatch.site import Site, load
from devices.scan import Layout, Scan
from storage.archive.log import LogReader
from storage.archive.sealer import Heads, Sealer
from storage.entry import Command, Entry, Started
from storage.journal import Journal
from tests.integration.laboratory import lay_out  # a test's own
from tests.integration.test_cli import typed  # a test's own

pytestmark = pytest.mark.long

NOON = 1_767_614_400_000
"""2026-01-05 12:00 UTC, 13:00 in Vienna."""

DAYS = 3
PERIOD_MS = 60_000
LAYOUT = Layout("inc1", ("temperature",), ("temperature",))
RULE = """
[[rule]]
id = "{device}-hot"
channel = "inc1.temperature"
kind = "high"
limit = 38.0
deadband = 0.2
on_delay = "5m"
severity = "critical"
policy = "standard"
cause = "The heater is stuck."
consequence = "Cells die."
action = "Move the plates."
respond_within = "30m"
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(tmp_path)
    laid = lay_out(tmp_path)
    (laid.rules / "bench.toml").write_text(RULE)
    return load(laid.path)


async def filled(site: Site, *orders: Command) -> None:
    """Three days of a sample a minute: 37.0, each day from 12:00 to 12:20 one of 38.4."""
    entries: list[Entry] = [Started(at=NOON, version="0", configuration=rulebook(site).digest)]
    for at in range(NOON, NOON + DAYS * 86_400_000, PERIOD_MS):
        hot = (at - NOON) % 86_400_000 < 20 * 60_000
        entries.append(Scan(LAYOUT, at, at, (38.4 if hot else 37.0,), b"\0"))
    entries += orders
    async with Journal(site.data) as journal:
        for entry in entries[:-1]:
            journal.append(entry)
        await journal.put(entries[-1])


def proposal(site: Site, old: str, new: str) -> str:
    folder = site.base / "proposed.d"
    shutil.copytree(site.rules, folder, dirs_exist_ok=True)
    text = (folder / "bench.toml").read_text()
    assert old in text
    (folder / "bench.toml").write_text(text.replace(old, new))
    return str(folder)


async def test_alarms_that_a_higher_limit_would_have_lost_are_listed(site: Site) -> None:
    await filled(site)
    proposed = proposal(site, "limit = 38.0", "limit = 38.5")
    code, said = typed("alarm", "replay", "--rules", proposed)
    assert code == 0
    lines = said.splitlines()
    assert len([line for line in lines if line.startswith("lost   inc1-hot  ")]) == DAYS
    day = "2026-01-05 13:05:00 +01:00 to 2026-01-05 13:20:00 +01:00  critical, 1 page"
    assert lines[0] == f"lost   inc1-hot  {day}"
    assert lines[-3:] == [
        "in force: 3 alarms, 3 pages",
        "proposed: 0 alarms, 0 pages",
        "0 won, 3 lost, 0 moved, 0 the same",
    ]


async def test_what_moved_is_told_for_the_period_that_was_asked_for(site: Site) -> None:
    await filled(site)
    proposed = proposal(site, 'on_delay = "5m"', 'on_delay = "10m"')
    asked = ("--from", "2026-01-06T00:00", "--to", "2026-01-07T00:00")
    code, said = typed("alarm", "replay", "--rules", proposed, *asked)
    assert code == 0
    moved = "2026-01-06 13:05:00 +01:00: start 2026-01-06 13:05:00 +01:00 -> "
    assert said.splitlines()[0] == f"moved  inc1-hot  {moved}2026-01-06 13:10:00 +01:00"
    assert "in force: 1 alarms, 1 pages" in said

    code, said = typed("alarm", "replay", "--rules", proposed, *asked, "--json")
    change, outcome = (json.loads(line) for line in said.splitlines())
    assert (change["how"], change["was"]["start"]) == ("moved", NOON + 86_400_000 + 300_000)
    assert outcome["summary"]["moved"] == 1
    assert outcome["end"] - outcome["start"] == 86_400_000


async def test_edits_by_command_belong_to_the_rules_in_force(site: Site) -> None:
    order = Command(
        id="1",
        at=NOON + DAYS * 86_400_000,
        by="A",
        verb="edit",
        target="inc1-hot",
        via="cli",
        arguments={"limit": "38.5"},
    )
    await filled(site, order)
    await judged(site)
    same = proposal(site, "38.0", "38.0")
    code, said = typed("alarm", "replay", "--rules", same)
    assert code == 0
    assert "0 won, 0 lost, 0 moved, 0 the same" in said
    # A file that changes the rule ends the edit, as it would at the next start.
    _, said = typed("alarm", "replay", "--rules", proposal(site, '"5m"', '"6m"'))
    assert "3 won, 0 lost" in said


async def judged(site: Site) -> None:
    """The alarm store as a core leaves it."""
    engine, caused, seq = Engine(rulebook(site)), list[Caused](), 0
    with LogReader(site.data) as journal:
        while entries := journal.entries(seq):
            for number, entry in entries:
                seq = number
                caused += [Caused(seq, 0, one) for one in engine.advance(seq, entry)]
    batch = Batch(after=0, cursor=seq, parts=engine.changed(), caused=tuple(caused))
    async with AlarmStore(paths.alarms(site.data)) as store:
        await store.write(lambda db: save(db, batch))
        assert await store.write(lambda db: history.head(db).sequence) > DAYS


async def test_entries_before_a_time_are_passed_over_by_halving(site: Site) -> None:
    await filled(site)
    with LogReader(site.data) as journal:
        # The start is entry 1, the first sample 2: one a minute from there.
        assert seek(journal, NOON) == 0
        assert seek(journal, NOON + 1) == 2
        assert seek(journal, NOON + 10 * PERIOD_MS) == 11
        assert seek(journal, 2**50) == journal.last


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--to", "2020-01-01"), "the journal has no reading in that period"),
        (("--from", "yesterday"), "--from yesterday: write 2026-01-05T08:00"),
    ],
)
async def test_a_period_without_readings_is_wrong_use(
    site: Site, words: tuple[str, ...], told: str
) -> None:
    await filled(site)
    code, said = typed("alarm", "replay", "--rules", str(site.rules), *words)
    assert code == 2
    assert told in said


async def test_a_proposal_that_cannot_run_is_refused_with_its_place(site: Site) -> None:
    await filled(site)
    proposed = proposal(site, 'policy = "standard"', 'policy = "nobody"')
    code, said = typed("alarm", "replay", "--rules", proposed)
    assert code == 2
    assert "bench.toml" in said
    assert "'nobody'" in said


async def test_the_figures_of_the_alarm_history_are_shown_beside_what_is_asked_for(
    site: Site,
) -> None:
    await filled(site)
    await judged(site)
    asked = ("--to", "2026-01-08T13:00")
    code, said = typed("alarm", "kpi", *asked, "--json")
    assert code == 0
    found = json.loads(said)
    # The journal begins at noon of the 5th: the 27 days before it are not counted as quiet ones.
    assert (found["start"], found["end"]) == (NOON, NOON + DAYS * 86_400_000)
    assert found["rate"]["alarms"] == found["people"][0]["day"] == DAYS
    assert found["rate"]["per_day"] == 1.0
    # Nobody acknowledged the first: what followed are its activations, of which all wait.
    assert found["acknowledged"]["waiting"] == 1

    code, said = typed("alarm", "kpi", *asked)
    assert code == 0
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines()]
    assert ["alarms a day", "1.0", "at most 150", "ok"] in rows
    assert ["share of the top ten", "100.0 %", "at most 5 %", "NOT MET"] in rows
    assert ["priority critical", "3 (100.0 %)", "", ""] in rows


async def test_figures_of_a_period_before_the_first_reading_are_wrong_use(site: Site) -> None:
    await filled(site)
    await judged(site)
    code, said = typed("alarm", "kpi", "--to", "2020-01-01")
    assert code == 2
    assert "there is no reading in that period" in said


def test_the_default_rules_in_force_are_part_of_what_is_tried(site: Site, tmp_path: Path) -> None:
    text = site.path.read_text(encoding="utf-8")
    told = text.replace("[site]", '[site]\ndefault_rules = ["incubators"]', 1)
    site.path.write_text(told, encoding="utf-8")
    proposed = tmp_path / "proposed.toml"
    proposed.write_text(RULE.replace("{device}-hot", "{device}-temperature-high"), "utf-8")
    book = proposed_rules(load(site.path), proposed)
    limits = {rule.id: rule.limit for rule in book.rules}
    assert limits["inc1-temperature-high"] == 38.0
    assert limits["inc1-temperature-low"] == 36.5


async def test_a_trial_across_the_seal_says_what_it_said_before(site: Site) -> None:
    await filled(site)
    words = ("alarm", "replay", "--rules", proposal(site, "limit = 38.0", "limit = 38.5"))
    before = typed(*words)
    sealer = Sealer(site.data, heads=lambda: Heads(None, None), software="test")
    sealed = await asyncio.to_thread(sealer.seal, NOON + DAYS * 86_400_000)
    async with Journal(site.data) as journal:
        assert await journal.remove(sealed[-1].seal.last)
    assert before[0] == 0
    assert typed(*words) == before
