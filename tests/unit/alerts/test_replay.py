"""The journal, replayed under the rules of then, gives the history byte for byte."""

import random
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from alerts import configuration
from alerts.configuration import place
from alerts.directory import Directory
from alerts.engine.engine import Engine
from alerts.policy import Policy, Step
from alerts.replay import Replay
from alerts.replayed import Replayed, ReplayError
from alerts.replayed import replay as replayed
from alerts.rule import Rule
from alerts.rulebook import Rulebook, RuleError, build
from alerts.schema import APPEND_ONLY
from alerts.service import AlarmService
from alerts.store import AlarmStore
from alerts.transition import What
from culturewatch.alarming import _judged_by_the_rules_of_then
from culturewatch.troubles import Troubles
from devices.duration import parse
from storage.entry import ClockStep, Command, Entry, Started, Tick
from storage.journal import Journal
from tests.unit.alerts.engine.lab import CHAIN, HOT, START, rulebook  # a test's own
from tests.unit.alerts.plain_judge import sample  # a test's own
from tests.unit.culturewatch.test_alarming import site_in  # a test's own

pytestmark = pytest.mark.long

OTHER = Policy(id="other", steps=(Step(after=parse("0s"), to=("C",)),))
BRIEF = replace(HOT, on_delay=parse("30s"), off_delay=parse("20s"), re_alarm=parse("3m"))
COLD = Rule(id="cold", channel="inc1.temperature", kind="low", limit=36.0, policy="chain")
SILENT = Rule(id="silent", channel="inc1.temperature", kind="silence", policy="chain")
SHAPES = (
    (BRIEF, COLD, SILENT),
    (replace(BRIEF, limit=38.4), COLD, SILENT),
    (replace(BRIEF, on_delay=parse("1m"), policy="other"), SILENT),
    (replace(BRIEF, latching=True), replace(COLD, limit=36.5)),
    (COLD, SILENT),
)
BOOKS = tuple(rulebook(rules, policies=(CHAIN, OTHER)) for rules in SHAPES)
NO_ONE = Directory((), (), lambda _: None)
VERBS: tuple[tuple[str, dict[str, str]], ...] = (
    ("ack", {}),
    ("ack", {"occurrence": "1"}),
    ("unack", {}),
    ("reset", {}),
    ("edit", {"limit": "38.2"}),
    ("edit", {"limit": "?"}),
    ("shelve", {"for": "2m", "reason": "r"}),
    ("out_of_service", {"until": str(START + 3_600_000), "reason": "r"}),
    ("in_service", {}),
    ("remove", {}),
)


class Life:
    """A site over its runs. What is judged is committed, or lost with the core that judged it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.dice = random.Random(seed)
        self.now = START
        self.value = 37.0

    async def live(self, runs: int) -> None:
        async with Journal(self.folder, group_ms=1) as journal:
            for _ in range(runs):
                async with AlarmStore(self.folder / "alarms.db") as store:
                    await self.run(journal, store, self.dice.choice(BOOKS))
                self.now += self.dice.choice([500, 20_000, 400_000])

    async def run(self, journal: Journal, store: AlarmStore, book: Rulebook) -> None:
        """One core, from its start to its end; what it did after its last commit is lost."""
        saved = await _judged_by_the_rules_of_then(
            site_in(self.folder), book, journal=journal, store=store, troubles=Troubles()
        )
        engine = Engine(book, saved.parts)
        configuration.keep(self.folder, book)
        service = AlarmService(journal, engine, store, NO_ONE, cursor=saved.cursor)
        began = Started(at=self.now, version="0", configuration=book.digest)
        clock = Engine(book, saved.parts)
        for entry in (began, *self.day(clock, began)):
            await journal.put(entry)
            if self.dice.random() < 0.2:
                await service.catch_up()
        if self.dice.random() < 0.3:
            await service.catch_up()

    def day(self, clock: Engine, began: Started) -> Iterable[Entry]:
        """Readings, commands, clock steps; ticks where ``clock``, an engine of its own, is due."""
        seq = 1_000_000
        clock.advance(seq, began)
        for _ in range(self.dice.randint(0, 60)):
            self.now += self.dice.choice([0, 1_000, 10_000, 10_000, 45_000])
            entry = self.entry()
            due = clock.next_due()
            if due is not None and due <= self.now:
                yield (tick := Tick(self.now))
                clock.advance(seq := seq + 1, tick)
            yield entry
            clock.advance(seq := seq + 1, entry)

    def entry(self) -> Entry:
        kind = self.dice.random()
        if kind < 0.8:
            self.value += self.dice.choice([-0.6, -0.2, 0.0, 0.0, 0.2, 0.6])
            self.value = min(max(self.value, 35.5), 38.8)
            age = self.dice.choice([0, 0, 0, 0, 15_000])
            return sample(self.dice.choice([self.value] * 9 + [None]), self.now - age)
        if kind < 0.95:
            verb, arguments = self.dice.choice(VERBS)
            return Command(
                id=str(self.dice.random()),
                at=self.now,
                by=self.dice.choice(["A", "B"]),
                verb=verb,
                target=self.dice.choice(["hot", "hot", "cold", "silent", "inc1"]),
                via="cli",
                arguments=arguments,
            )
        step = self.dice.choice([3_600_000, -3_600_000, 700])
        self.now += step
        return ClockStep(at=self.now, step=step)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(12))
async def test_a_site_through_edits_of_its_rules_restarts_kills_commands_and_clock_steps(
    tmp_path: Path, seed: int
) -> None:
    await Life(tmp_path, seed).live(runs=8)
    found = replayed(tmp_path)
    assert found.difference is None
    assert found.rows > 20
    first = table(tmp_path / "alarms.db")
    edits = [body for _, _, body, _ in first if '"what":"edited"' in str(body)]
    assert edits
    # Into an empty store, by the service itself: numbers, bodies and hashes are the same bytes.
    async with Journal(tmp_path) as journal, AlarmStore(tmp_path / "again.db") as store:
        book = configuration.kept(tmp_path, await first_run(journal))
        judge = Replay(lambda digest: configuration.kept(tmp_path, digest), first=book)
        await AlarmService(journal, judge, store, NO_ONE, cursor=0).catch_up()
    again = [row for row in table(tmp_path / "again.db") if int(str(row[1])) <= found.cursor]
    assert again == first


async def first_run(journal: Journal) -> str:
    async for batch in journal.follow(0):
        for _, entry in batch:
            if isinstance(entry, Started):
                return entry.configuration
    raise AssertionError("no core ran")


async def lived(folder: Path) -> Replayed:
    await Life(folder, 3).live(runs=4)
    found = replayed(folder)
    assert found.difference is None
    assert found.rows > 10
    return found


async def test_the_first_row_that_the_journal_does_not_give_is_named(tmp_path: Path) -> None:
    found = await lived(tmp_path)
    row = found.rows // 2
    rewrite(
        tmp_path, "UPDATE history SET body = replace(body, '\"at\":', '\"at\":1') WHERE n >= ?", row
    )
    difference = replayed(tmp_path).difference
    assert difference is not None
    assert difference.row == row
    assert difference.kept != difference.replayed
    assert str(difference).startswith(f"row {row} is not what entry ")


async def test_a_row_that_was_left_out_and_one_that_was_put_in_are_named(tmp_path: Path) -> None:
    found = await lived(tmp_path)
    kept = tmp_path / "kept.db"
    shutil.copy(tmp_path / "alarms.db", kept)
    rewrite(tmp_path, "DELETE FROM history WHERE n = ?", found.rows)
    missing = replayed(tmp_path).difference
    assert missing is not None
    assert (missing.row, missing.kept) == (found.rows, "")
    shutil.copy(kept, tmp_path / "alarms.db")
    rewrite(
        tmp_path,
        "INSERT INTO history (n, seq, body, hash) SELECT n + 1, seq, body, hash FROM history"
        " WHERE n = ?",
        found.rows,
    )
    more = replayed(tmp_path).difference
    assert more is not None
    assert (more.row, more.replayed) == (found.rows + 1, "")


async def test_a_reading_that_was_taken_out_of_the_journal_shows(tmp_path: Path) -> None:
    await lived(tmp_path)
    cause = next(
        int(str(seq))
        for _, seq, body, _ in table(tmp_path / "alarms.db")
        if '"what":"set"' in str(body)
    )
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        db.execute("DELETE FROM entry WHERE seq = ?", (cause,))
        db.commit()
    assert replayed(tmp_path).difference is not None


async def test_rules_that_are_gone_or_changed_are_named_instead_of_guessed(tmp_path: Path) -> None:
    await lived(tmp_path)
    for path in (tmp_path / configuration.FOLDER).iterdir():
        path.write_bytes(path.read_bytes().replace(b"38.4", b"39.4").replace(b"36.0", b"35.0"))
    with pytest.raises(RuleError, match="was changed"):
        replayed(tmp_path)
    shutil.rmtree(tmp_path / configuration.FOLDER)
    with pytest.raises(RuleError, match="put the file back"):
        replayed(tmp_path)


async def test_a_damaged_entry_ends_the_replay_with_its_number(tmp_path: Path) -> None:
    await lived(tmp_path)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        db.execute("UPDATE entry SET crc = crc + 1 WHERE seq = 5")
        db.commit()
    with pytest.raises(ReplayError, match="entry 5 of the journal is damaged"):
        replayed(tmp_path)


async def test_progress_is_told_up_to_the_end(tmp_path: Path) -> None:
    found = await lived(tmp_path)
    told: list[tuple[int, int]] = []
    replayed(tmp_path, progress=lambda done, of: told.append((done, of)))
    assert all(of == found.cursor for _, of in told)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_rulebook_is_kept_whole_and_mended_when_it_was_cut_short(tmp_path: Path) -> None:
    book = BOOKS[0]
    configuration.keep(tmp_path, book)
    assert configuration.kept(tmp_path, book.digest) == book
    place(tmp_path, book.digest).write_bytes(b"")
    with pytest.raises(RuleError, match="was changed"):
        configuration.kept(tmp_path, book.digest)
    configuration.keep(tmp_path, book)
    assert configuration.kept(tmp_path, book.digest) == book
    with pytest.raises(RuleError, match="names no rulebook"):
        configuration.kept(tmp_path, "../alarms")


def test_what_stands_before_the_first_start_is_judged_by_what_it_is_given(tmp_path: Path) -> None:
    del tmp_path
    book = build(
        [replace(HOT, on_delay=parse("0s"))], channels=BOOKS[0].channels, policies=(CHAIN,)
    )
    with_rules, without = Replay(lambda _: book, first=book), Replay(lambda _: book)
    warm = sample(38.5, START)
    assert What.SET in {one.what for one in with_rules.advance(1, warm)}
    assert without.advance(1, warm) == ()
    assert without.next_due() is None
    assert without.views() == ()
    began = Started(at=START + 10_000, version="0", configuration=book.digest)
    without.advance(2, began)
    assert without.view("hot").state == "N"
    assert without.rule("hot").limit == HOT.limit


def table(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT n, seq, body, hash FROM history ORDER BY n").fetchall()


def rewrite(folder: Path, statement: str, *values: int) -> None:
    """What only somebody with the file in hand can do: the triggers refuse it."""
    with closing(sqlite3.connect(folder / "alarms.db")) as db:
        for name in APPEND_ONLY:
            for verb in ("UPDATE", "DELETE"):
                db.execute(f"DROP TRIGGER IF EXISTS {name}_refuses_{verb}")
        db.execute(statement, values)
        db.commit()
