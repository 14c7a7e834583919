"""Whatever happens to the file, the journal opens, tells no lies and reuses no number."""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest

from devices.scan import Layout, Scan
from storage.consistency import check
from storage.entry import Command, Entry
from storage.journal import Journal, JournalError, MessageKey, Outcome
from storage.journalfile import VERSION
from storage.reader import JournalReader
from tests.unit.storage.samples import (
    FREEZER,
    INCUBATOR,
    NOON,
    command,
    scan,
)

pytestmark = pytest.mark.long

COUNT = 1_500
PAGE = 4096
INDEX_LEAF = 0x0A
Harm = Callable[[Path], None]


def written() -> list[Entry]:
    """Scans of two devices with acts among them, one of which fills several pages."""
    entries: list[Entry] = []
    for n in range(COUNT):
        if n % 100 == 99:
            entries.append(command(n))
        else:
            entries.append(scan(n, FREEZER if n % 3 else INCUBATOR))
    long = {"note": "long " * 4_000}
    entries[700] = Command(
        id="long", at=NOON, by="kim", verb="note", target="ln1", via="cli", arguments=long
    )
    return entries


async def store(folder: Path, entries: Iterable[Entry]) -> None:
    async with Journal(folder) as journal:
        for n, entry in enumerate(entries):
            journal.append(entry, key=MessageKey("t", str(n), b"one"))
        journal.quarantine("lab/x", "no JSON", b"?!")
        await journal.put(entry)
        await journal.advance("alarms", 12)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a journal that ended well."""
    folder = tmp_path_factory.mktemp("sound")
    asyncio.run(store(folder, written()))
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    """A copy of it, to harm."""
    return Path(shutil.copytree(sound, tmp_path / "journal"))


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def cut(share: float) -> Harm:
    def harm(path: Path) -> None:
        with path.open("r+b") as file:
            file.truncate(int(path.stat().st_size * share))

    return harm


def noise(at_page: int, count: int = 1) -> Harm:
    def harm(path: Path) -> None:
        overwrite(path, at_page * PAGE, random.Random(at_page).randbytes(PAGE * count))

    return harm


def spoil_layouts(path: Path) -> None:
    data = path.read_bytes()
    at = data.index(b"quantities")
    overwrite(path, at, b"quantitles")


def set_aside(folder: Path) -> list[Path]:
    """Damaged files that were kept."""
    return list(folder.glob("journal.db.damaged-*"))


async def reopened(folder: Path) -> tuple[list[tuple[int, Entry]], int, list[str]]:
    """What is read back after a start, the number of a new entry, and what was said."""
    said: list[str] = []
    async with Journal(folder, on_trouble=said.append) as journal:
        await journal.put(scan(COUNT + 5))
        with JournalReader(folder) as reader:
            found = reader.entries(0, COUNT * 2)
            assert not reader.damaged
    return found[:-1], found[-1][0], said


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(cut(0.5), id="cut in half"),
        pytest.param(cut(0.9999), id="last page torn"),
        pytest.param(noise(0), id="first page is noise"),
        pytest.param(noise(1), id="layouts are noise"),
        pytest.param(noise(2), id="root of the entries is noise"),
        pytest.param(noise(20, 3), id="three pages are noise"),
        pytest.param(lambda p: overwrite(p, 0, bytes(PAGE)), id="first page is zero"),
        pytest.param(lambda p: p.write_bytes(b"this is a letter to my aunt\n" * 500), id="no db"),
        pytest.param(spoil_layouts, id="a layout says something else"),
        pytest.param(lambda p: p.unlink(), id="taken away"),
    ],
)
async def test_a_damaged_file_is_set_aside_and_what_is_sound_is_salvaged(
    folder: Path, harm: Harm
) -> None:
    path = folder / "journal.db"
    harm(path)
    harmed = path.read_bytes() if path.exists() else None
    before = dict(enumerate([*written(), written()[-1]], start=1))

    found, new, said = await reopened(folder)

    assert all(before[seq] == entry for seq, entry in found)
    assert [seq for seq, _ in found] == sorted({seq for seq, _ in found})
    assert new > COUNT + 1
    assert len(said) == 1
    assert str(path) in said[0]
    if harmed is not None:
        [aside] = set_aside(folder)
        assert aside.name in said[0]
        assert aside.read_bytes() == harmed


@pytest.mark.parametrize(
    ("harm", "most_lost"),
    [
        # A page holds about a hundred of these rows.
        pytest.param(noise(0), 0, id="first page"),
        pytest.param(noise(1), 0, id="layouts"),
        pytest.param(noise(2), 0, id="root"),
        pytest.param(noise(20), 150, id="one leaf"),
    ],
)
async def test_a_damaged_page_costs_no_more_than_its_own_rows(
    folder: Path, harm: Harm, most_lost: int
) -> None:
    harm(folder / "journal.db")
    found, _, _ = await reopened(folder)
    assert COUNT + 1 - len(found) <= most_lost


async def test_salvage_keeps_cursors_quarantine_and_what_was_seen(folder: Path) -> None:
    noise(2)(folder / "journal.db")
    async with Journal(folder) as journal:
        assert await journal.cursor("alarms") == 12
        assert await journal.put(scan(3), key=MessageKey("t", "3", b"one")) is Outcome.DUPLICATE
    with JournalReader(folder) as reader:
        assert [kept.payload for kept in reader.quarantined()] == [b"?!"]


@pytest.mark.long
async def test_random_bytes_changed_anywhere_never_change_a_value(
    sound: Path, tmp_path: Path
) -> None:
    before = dict(enumerate([*written(), written()[-1]], start=1))
    chance = random.Random(5)
    size = (sound / "journal.db").stat().st_size
    for attempt in range(25):
        folder = Path(shutil.copytree(sound, tmp_path / str(attempt)))
        for _ in range(chance.choice((1, 5))):
            overwrite(folder / "journal.db", chance.randrange(size), chance.randbytes(1))

        said: list[str] = []
        async with Journal(folder, on_trouble=said.append) as journal:
            seen = 0
            if journal.last:
                async for batch in journal.follow(0):
                    assert all(before[seq] == entry for seq, entry in batch)
                    seen += len(batch)
                    if batch[-1][0] >= journal.last or seen >= COUNT + 1:
                        break
                    if batch[-1][0] == max(before):
                        break
        with JournalReader(folder) as reader:
            whole = {seq for seq, _ in reader.entries(0, COUNT * 2)}
        assert said or whole == set(before)
        shutil.rmtree(folder)


def count_scans(folder: Path) -> int:
    with JournalReader(folder) as reader:
        return sum(1 for _ in reader.scans("ln1", NOON, NOON + COUNT))


async def test_a_changed_byte_in_an_index_hides_no_reading(sound: Path, tmp_path: Path) -> None:
    data = (sound / "journal.db").read_bytes()
    expected = sum(isinstance(e, Scan) and e.device == "ln1" for e in written())
    leaves = [at for at in range(0, len(data), PAGE) if data[at] == INDEX_LEAF]
    for attempt, leaf in enumerate(leaves):
        folder = Path(shutil.copytree(sound, tmp_path / str(attempt)))
        # Near the end of a page stand the keys of its first cells.
        at = leaf + PAGE - 100
        overwrite(folder / "journal.db", at, bytes((data[at] ^ 0x40,)))
        # The reader finds all before a core has mended the file, and after.
        assert count_scans(folder) == expected
        async with Journal(folder):
            pass
        assert count_scans(folder) == expected
        shutil.rmtree(folder)


async def test_one_damaged_row_is_named_put_aside_and_never_read(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "journal.db")) as db, db:
        db.execute("UPDATE entry SET body = zeroblob(length(body)) WHERE seq = 5")
    said: list[str] = []
    async with Journal(folder, on_trouble=said.append) as journal:
        async for batch in journal.follow(0):
            assert [seq for seq, _ in batch[:6]] == [1, 2, 3, 4, 6, 7]
            break
        await journal.put(scan(COUNT))
        assert journal.stats.damaged == 1
    assert len(said) == 1
    assert "row 5" in said[0]
    with JournalReader(folder) as reader:
        assert [kept.origin for kept in reader.quarantined(1)] == ["journal entry 5"]
        assert 5 not in [seq for seq, _ in reader.entries(0)]
        assert not reader.damaged


async def test_a_damaged_newest_row_is_found_at_the_start(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "journal.db")) as db, db:
        db.execute("UPDATE entry SET at = at + 1 WHERE seq = ?", (COUNT,))
    _, new, said = await reopened(folder)
    assert new == COUNT + 2
    assert len(said) == 1
    assert str(COUNT) in said[0]


@pytest.mark.parametrize("column", ["at", "layout"])
async def test_a_row_whose_number_is_none_any_more_keeps_no_core_from_starting(
    folder: Path, column: str
) -> None:
    with closing(sqlite3.connect(folder / "journal.db")) as db, db:
        db.execute(f"UPDATE entry SET {column} = 'x' WHERE seq = {COUNT}")  # noqa: S608 # of this file
    said: list[str] = []
    async with Journal(folder, on_trouble=said.append) as journal:
        assert await journal.put(scan(COUNT + 1)) is Outcome.STORED
    assert f"are not used: {COUNT}." in said[0]
    faults = [each for each in check(folder) if not isinstance(each, str)]
    assert any(f"entry {COUNT} was found damaged" in each.what for each in faults)


async def test_a_reader_leaves_a_damaged_row_out_and_names_it(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "journal.db")) as db, db:
        db.execute("UPDATE entry SET crc = crc + 1 WHERE seq = 2")
    with JournalReader(folder) as reader:
        ats = [s.at - NOON for s in reader.scans("ln1", NOON, NOON + 6)]
        assert list(reader.damaged) == [2]
    assert ats == [2, 4, 5]


async def test_a_log_taken_away_is_noticed_and_no_number_comes_again(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        await journal.put(scan(1))
        shutil.copy(tmp_path / "journal.db", tmp_path / "old.db")
        for n in range(2, 400):
            journal.append(scan(n))
        await journal.put(scan(400))
    shutil.move(tmp_path / "old.db", tmp_path / "journal.db")

    said: list[str] = []
    async with Journal(tmp_path, on_trouble=said.append) as journal:
        assert journal.last > 400
        await journal.put(scan(1))
        number = journal.last
    assert len(said) == 1
    assert "to 400 are gone" in said[0]
    assert str(number) in said[0]
    # It is said once.
    async with Journal(tmp_path, on_trouble=said.append) as journal:
        assert journal.last == number
    assert len(said) == 1


@pytest.mark.long
async def test_damage_under_way_is_mended_and_nothing_is_lost(folder: Path) -> None:
    path = folder / "journal.db"
    said: list[str] = []
    async with Journal(folder, on_trouble=said.append) as journal:
        with closing(sqlite3.connect(path)) as db:
            root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'entry'").fetchone()[
                0
            ]
        noise(root - 1)(path)
        async with asyncio.timeout(20):
            assert await journal.put(scan(COUNT + 1)) is Outcome.STORED
            async for batch in journal.follow(0, limit=COUNT * 2):
                found = batch
                break
    assert len(found) == COUNT + 2
    assert found[-1][1] == scan(COUNT + 1)
    assert len(said) == 1
    assert "damaged" in said[0]


def spoil_a_name(path: Path) -> None:
    """SQLite says which table is damaged, in the bytes that stand there."""
    spoilt = path.read_bytes().replace(
        b"CREATE TABLE layout", b"CREATE \xbb\xbb\xbb\xbb\xbb layout"
    )
    path.write_bytes(spoilt)


def test_a_table_whose_name_is_no_text_any_more_is_told_of(folder: Path) -> None:
    spoil_a_name(folder / "journal.db")
    with pytest.raises(JournalError, match=r"journal\.db: cannot be read: .*from a backup"):
        list(check(folder))


async def test_a_table_whose_name_is_no_text_any_more_is_salvaged_like_any_damage(
    folder: Path,
) -> None:
    spoil_a_name(folder / "journal.db")
    said: list[str] = []
    async with Journal(folder, on_trouble=said.append) as journal:
        assert journal.last
    assert set_aside(folder)
    assert said


async def test_a_journal_of_a_newer_version_is_left_alone(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "journal.db")) as db, db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(JournalError, match="start the newer one"):
        await Journal(folder).__aenter__()
    assert set_aside(folder) == []


def test_a_start_finishes_what_a_crash_left_half_done(folder: Path) -> None:
    # The salvaged file stands ready; the damaged one had not been moved out of its way.
    shutil.copy(folder / "journal.db", folder / "journal.db.salvaged")
    noise(0)(folder / "journal.db")
    found, _, _ = asyncio.run(reopened(folder))
    assert len(found) == COUNT + 1
    assert len(set_aside(folder)) == 1
    assert all(isinstance(entry, Scan | Command) for _, entry in found)


async def test_scans_without_their_layout_are_kept_apart_and_never_read_with_another(
    folder: Path,
) -> None:
    noise(1)(folder / "journal.db")
    (folder / "journal.layouts").unlink()
    stranger = Layout("other", ("a", "b"), ("temperature", "co2"))
    said: list[str] = []
    async with Journal(folder, on_trouble=said.append) as journal:
        await journal.put(Scan(stranger, NOON, NOON, (1.0, 2.0), bytes(2)))
    assert "layout is gone" in said[0]
    with JournalReader(folder) as reader:
        kept = {entry for _, entry in reader.entries(0, COUNT * 2) if isinstance(entry, Scan)}
        assert {scan.device for scan in kept} == {"other"}
        assert len(reader.quarantined(COUNT * 2)) == 1 + sum(
            isinstance(entry, Scan) for entry in [*written(), written()[-1]]
        )


async def test_a_layout_number_is_never_given_twice(folder: Path) -> None:
    (folder / "journal.db").unlink()
    wider = Layout("inc1", ("temperature",), ("temperature",))
    async with Journal(folder) as journal:
        await journal.put(Scan(wider, NOON, NOON, (1.0,), bytes(1)))
    with closing(sqlite3.connect(folder / "journal.db")) as db:
        assert db.execute("SELECT min(id) FROM layout").fetchone()[0] == 3
