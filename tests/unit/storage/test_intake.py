"""Readings of files reach the journal once each, whoever writes it and wherever it broke off."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from storage.intake import Intake, IntakeError, Origin, watch
from storage.journal import Journal
from storage.reader import JournalReader

pytestmark = pytest.mark.long

MINUTE = 60_000
COUNT = 2_500
ROWS = [(n * MINUTE, None if n == 7 else n / 10) for n in range(COUNT)]
ORIGIN = Origin(
    id="ab" * 32,
    device="inc1",
    channel="temperature",
    quantity="temperature",
    file="old.csv",
    by="anna",
    readings=COUNT,
    start=0,
    end=(COUNT - 1) * MINUTE,
)


@pytest.fixture
def intake(tmp_path: Path) -> Intake:
    box = Intake(tmp_path)
    box.put(ORIGIN, ROWS)
    return box


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with Journal(tmp_path, group_ms=1) as opened:
        yield opened


def kept(folder: Path) -> list[Scan]:
    with JournalReader(folder) as reader:
        return list(reader.scans("inc1", 0, COUNT * MINUTE))


async def test_a_file_becomes_backfilled_scans_of_then(
    tmp_path: Path, intake: Intake, journal: Journal
) -> None:
    assert intake.waiting() == [ORIGIN]
    await intake.move(ORIGIN, journal)
    scans = kept(tmp_path)
    assert [(scan.at, scan.values[0]) for scan in scans] == ROWS
    assert {scan.source for scan in scans} == {Source.BACKFILL}
    assert scans[7].qualities == bytes((Quality.NO_ANSWER,))
    assert scans[0].layout == Layout("inc1", ("temperature",), ("temperature",))
    assert intake.is_done(ORIGIN.id)
    assert intake.waiting() == []


async def test_what_broke_off_anywhere_goes_on_and_doubles_nothing(
    tmp_path: Path, intake: Intake, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = journal.advance

    async def killed(name: str, seq: int) -> None:
        if seq == 2:
            # The readings are on disk, and that they are is not.
            raise asyncio.CancelledError
        await advance(name, seq)

    monkeypatch.setattr(journal, "advance", killed)
    with pytest.raises(asyncio.CancelledError):
        await intake.move(ORIGIN, journal)
    monkeypatch.undo()
    assert len(kept(tmp_path)) == 2_000
    assert intake.began(ORIGIN.id)
    await intake.move(ORIGIN, journal)
    assert [scan.at for scan in kept(tmp_path)] == [at for at, _ in ROWS]


async def test_the_core_takes_in_what_comes_while_it_runs(tmp_path: Path, journal: Journal) -> None:
    troubles: list[str] = []
    box = Intake(tmp_path)
    box.put(ORIGIN, ROWS[:COUNT])
    task = asyncio.create_task(watch(box, journal, on_trouble=troubles.append))
    try:
        async with asyncio.timeout(20):
            while not box.is_done(ORIGIN.id):  # noqa: ASYNC110 # a file appears
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert troubles == []
    assert len(kept(tmp_path)) == COUNT


@pytest.mark.parametrize("spoil", ["cut", "garbled", "heading"])
async def test_a_file_that_is_not_as_it_was_written_is_put_aside_and_told(
    tmp_path: Path, intake: Intake, journal: Journal, spoil: str
) -> None:
    (path,) = (tmp_path / "intake").glob("*.waiting")
    lines = path.read_bytes().splitlines(keepends=True)
    match spoil:
        case "cut":
            path.write_bytes(b"".join(lines[:-1]))
        case "garbled":
            path.write_bytes(b"".join([*lines[:-1], b"[[1,\xff]]\n"]))
        case _:
            path.write_bytes(b"\xff\n" + b"".join(lines[1:]))
    with pytest.raises(IntakeError, match="import the logger's file again"):  # noqa: PT012 # both
        for origin in intake.waiting():
            await intake.move(origin, journal)
    assert not intake.is_done(ORIGIN.id)
    assert intake.waiting() == []
    # The same file again: what the journal has of it already is not doubled.
    intake.put(ORIGIN, ROWS)
    await intake.move(ORIGIN, journal)
    assert [scan.at for scan in kept(tmp_path)] == [at for at, _ in ROWS]


def test_where_nothing_may_be_written_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "intake").write_text("a file where the folder should be")
    with pytest.raises(IntakeError, match="this user may write there"):
        Intake(tmp_path).put(ORIGIN, ROWS)
