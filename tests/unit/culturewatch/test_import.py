"""Loggers' files as people import them: what is asked, what is checked, and what is kept."""

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from alerts.schema import open_store
from culturewatch.cli import app
from culturewatch.site import load
from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from storage import schema
from storage.acts import verify_chain
from storage.archive import doubt
from storage.database import Database
from storage.lock import FolderLock
from storage.reader import JournalReader
from tests.integration.laboratory import lay_out
from tests.unit.storage.archive.week import seal, store

pytestmark = pytest.mark.long

NOON = 1_740_826_800_000
"""2025-03-01 12:00 in Vienna, an hour ahead of UTC."""
MINUTE = 60_000
BATCH = "B-2026-0001"
GOOD = "time;T\n2025-03-01 12:00;36,9\n2025-03-01 12:01;\n2025-03-01 12:02;37,1\n"
INTO_INC1 = "import old.csv --device inc1 --column T=temperature --by anna"
IN_VIENNA = f"{INTO_INC1} --period 1m --zone Europe/Vienna"
BY_ITS_TIMES = f"{INTO_INC1} --zone Europe/Vienna"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, served: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    lay_out(tmp_path, served)
    (tmp_path / "old.csv").write_text(GOOD)
    return tmp_path


def typed(words: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, words.split())
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output.splitlines()


def kept(folder: Path, device: str = "inc1") -> list[Scan]:
    if not (folder / "data" / "journal.db").exists():
        return []
    with JournalReader(folder / "data") as reader:
        return list(reader.scans(device, 0, 1 << 60))


def taken(folder: Path) -> list[tuple[str, str]]:
    """Who has entered that a file was taken in, and for which device."""
    query = select(schema.act.c.done_by, schema.act.c.subject).where(schema.act.c.kind == "intake")
    with Database(load(folder / "site.toml").ledger_url).reading() as connection:
        return [(by, subject) for by, subject in connection.execute(query)]


def test_a_file_is_taken_in_once_and_the_ledger_says_by_whom(here: Path) -> None:
    code, said = typed(BY_ITS_TIMES)
    assert code == 0, said
    assert "3 readings of inc1.temperature" in said[0]
    assert "1 say that nothing was measured" in said[0]
    assert said[-1] == "3 readings are in the journal, marked as backfill"
    scans = kept(here)
    assert [(scan.at, scan.values) for scan in scans] == [
        (NOON, (36.9,)),
        (NOON + MINUTE, (None,)),
        (NOON + 2 * MINUTE, (37.1,)),
    ]
    assert {scan.source for scan in scans} == {Source.BACKFILL}
    assert said[1] == (
        "  each holds for 1m, and until the next one where that comes within 1m30s; "
        "the rest are gaps"
    )
    nothing = "all of it is in the journal already; nothing to do"
    assert typed(BY_ITS_TIMES) == (0, [*said[:2], nothing])
    assert len(kept(here)) == 3
    assert taken(here) == [("anna", "inc1")]
    assert verify_chain(load(here / "site.toml").ledger_url) is None


def test_a_dry_run_checks_and_keeps_nothing(here: Path) -> None:
    (here / "old.csv").write_text(GOOD + "2025-03-01 13:00;37\n2025-03-01 13:01;37\n")
    code, said = typed(f"{IN_VIENNA} --dry-run")
    assert code == 0
    assert said[1].startswith("  gap of 57m from 2025-03-01 12:03")
    assert kept(here) == []
    assert not (here / "data" / "intake").exists()


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        (GOOD, INTO_INC1, "have no offset; say with --zone"),
        ("time;T\n0;37\n60;37\n", IN_VIENNA, "seconds, not dates"),
        ("time;T\n2025-03-01 12:01;37\n2025-03-01 12:00;37\n", IN_VIENNA, "old.csv:3: its time"),
        ("time;T\n2126-03-01 12:00;37\n2126-03-01 12:01;37\n", IN_VIENNA, "lies in the future"),
        ("time;T\n2025-10-26 02:30;37\n", f"{IN_VIENNA} --period 1m", "comes twice or never"),
        ("time;T\n2025-03-30 02:30;37\n", f"{IN_VIENNA} --period 1m", "comes twice or never"),
        ("time;T\n2025-03-01 12:00;-300\n", f"{IN_VIENNA} --period 1m", "is no temperature"),
        ("time;T\n2025-03-01 12:00;37\n2025-03-02 12:00;37\n", BY_ITS_TIMES, "how often the log"),
        (GOOD, f"{IN_VIENNA} --period 1h", "are 1m apart; with --period 1h records would call"),
        (GOOD, f"{IN_VIENNA} --time-column when", "there is no column 'when'"),
        (GOOD, IN_VIENNA.replace("inc1", "inc9"), "is not a device of this site"),
        (GOOD, IN_VIENNA.replace("=temperature", "=warmth"), "has no channel 'warmth'"),
        (GOOD, f"{IN_VIENNA} --unit furlong", "not measured in 'furlong'"),
        (GOOD, f"{IN_VIENNA}x", "no time zone is called so"),
        (GOOD, IN_VIENNA.replace("T=", ""), "write HEADING=CHANNEL"),
    ],
)
def test_what_cannot_be_trusted_is_refused_before_anything_is_kept(
    here: Path, text: str, words: str, said: str
) -> None:
    (here / "old.csv").write_text(text)
    code, lines = typed(words)
    assert code != 0
    assert said in " ".join(" ".join(lines).replace("│", " ").split())
    assert kept(here) == []
    assert not (here / "data" / "intake").exists()


def test_a_time_that_is_sealed_and_gone_from_the_journal_is_refused(here: Path) -> None:
    assert typed(IN_VIENNA)[0] == 0
    (here / "old.csv").write_text("time;T\n2025-03-02 12:00;37\n2025-03-02 12:01;37\n")
    assert typed(IN_VIENNA)[0] == 0
    assert seal(here / "data", 3650)
    with closing(sqlite3.connect(here / "data" / "journal.db")) as journal, journal:
        # As it is freed of them; Journal.remove would leave so few.
        journal.execute("DELETE FROM entry WHERE seq <= 3")
    assert [scan.at > NOON + 2 * MINUTE for scan in kept(here)] == [True, True]
    (here / "old.csv").write_text(GOOD.replace("37,1", "37,2"))
    code, said = typed(IN_VIENNA)
    assert code == 1
    assert "has readings of that time already, such as at 2025-03-01T11:00:00+00:00" in said[-1]


def test_a_time_of_which_a_damaged_segment_may_tell_is_refused(here: Path) -> None:
    assert typed(IN_VIENNA)[0] == 0
    (sealed,) = seal(here / "data", 3650)
    whole = sealed.entries.read_bytes()
    sealed.entries.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    (here / "old.csv").write_text("time;T\n2025-03-01 12:01;37\n2025-03-01 12:02;36\n")
    for words in (f"{IN_VIENNA} --dry-run", IN_VIENNA):
        code, said = typed(words)
        assert code == 1
        assert "nobody can say what is known of inc1.temperature at that time: " in said[-1]
        assert (
            f"{sealed.entries.name}: is not what was sealed; put it back from a backup" in said[-1]
        )
    assert len(taken(here)) == 1
    assert len(list((here / "data" / "intake").iterdir())) == 1
    (here / "old.csv").write_text("time;T\n2025-03-01 12:03;37\n2025-03-01 12:04;36\n")
    assert typed(IN_VIENNA)[0] == 0, "its seal says that it holds nothing of that time"
    sealed.entries.write_bytes(whole)
    (here / "old.csv").write_text("time;T\n2025-03-01 12:05;37\n2025-03-01 12:06;36\n")
    assert typed(IN_VIENNA)[0] == 0


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("UPDATE entry SET body = x'00' WHERE seq = 2", "entry 2: row 2 does not match"),
        ("UPDATE entry SET at = at - 86400000 WHERE seq = 2", "entry 2: row 2 does not match"),
        ("UPDATE entry SET layout = 77 WHERE seq = 2", "entry 2: row 2 does not match"),
        ("DELETE FROM entry WHERE seq = 2", "entry 2 is gone: taken out by something else"),
        ("DELETE FROM entry WHERE seq = 3", "ends with entry 2; entry 3 had been written"),
    ],
)
def test_a_time_of_which_a_damaged_entry_of_the_journal_may_tell_is_refused(
    here: Path, harm: str, said: str
) -> None:
    """As ``culturewatch verify`` names it, of whatever device and time it now seems to be."""
    assert typed(IN_VIENNA)[0] == 0
    with closing(sqlite3.connect(here / "data" / "journal.db")) as journal, journal:
        journal.execute(harm)
    wrong = [line for line in typed("verify data")[1] if line.startswith("WRONG  journal.db")]
    assert any(said in line for line in wrong)
    (here / "old.csv").write_text("time;T\n2025-02-01 12:00;37\n2025-02-01 12:01;37\n")
    for words in (f"{IN_VIENNA} --dry-run", IN_VIENNA, IN_VIENNA.replace("inc1", "inc2")):
        code, lines = typed(words)
        assert code == 1
        assert ".temperature at that time: " in lines[-1]
        assert f"journal.db: {said}" in lines[-1]
        assert lines[-1].endswith("names all that is damaged), then import again")
    assert len(taken(here)) == 1
    assert len(list((here / "data" / "intake").iterdir())) == 1


def test_what_came_after_a_damaged_entry_is_taken_in_and_so_is_all_once_it_is_sealed(
    here: Path,
) -> None:
    assert typed(IN_VIENNA)[0] == 0
    with closing(sqlite3.connect(here / "data" / "journal.db")) as journal, journal:
        journal.execute("UPDATE entry SET body = x'00' WHERE seq = 2")
    (here / "old.csv").write_text("time;T\n2025-03-01 12:01;37\n")
    once = f"{IN_VIENNA} --period 1m"
    assert typed(once)[0] == 1
    # It was written before the entry after it came, which is a minute ago at most.
    later = datetime.now(UTC) + timedelta(minutes=1)
    asked = doubt.Asked("inc1", "temperature", round(later.timestamp() * 1000), 1 << 60)
    with JournalReader(here / "data") as reader:
        assert list(doubt.doubts(here / "data", reader, asked)) == []
    assert seal(here / "data", 3650)
    # The seal says that it is lost; nobody waits for it any more.
    assert typed(once)[0] == 0


def test_with_segments_and_no_journal_nothing_is_taken_in(here: Path) -> None:
    assert typed(IN_VIENNA)[0] == 0
    assert seal(here / "data", 3650)
    for path in (here / "data").glob("journal.*"):
        path.unlink()
    (here / "old.csv").write_text("time;T\n2025-03-01 12:03;37\n2025-03-01 12:04;36\n")
    code, said = typed(IN_VIENNA)
    assert code == 1
    assert "journal.db: cannot be read" in said[-1]
    assert kept(here) == []


def test_a_time_of_which_something_is_known_is_refused(here: Path) -> None:
    assert typed(IN_VIENNA)[0] == 0
    (here / "old.csv").write_text("time;T\n2025-03-01 12:02;36\n2025-03-01 12:03;36\n")
    code, said = typed(IN_VIENNA)
    assert code == 1
    assert "has readings of that time already, such as at 2025-03-01T11:02:00+00:00" in said[-1]
    (here / "old.csv").write_text("time;T\n2025-03-01 12:03;36\n2025-03-01 12:04;36\n")
    assert typed(IN_VIENNA)[0] == 0
    assert len(kept(here)) == 5


TEN_MINUTES = [
    *("2025-03-01 12:00;37", "2025-03-01 12:10;37", "2025-03-01 12:20;37", "2025-03-01 12:50;37"),
    *("2025-03-01 13:00;37", "2025-03-01 13:10;", "2025-03-01 13:20;37", "2025-03-01 13:35;37"),
]


def test_each_reading_counts_for_as_long_as_the_logger_measured_and_no_longer(here: Path) -> None:
    """Beside a device that is read four times a second, and did not answer."""
    layout, silent = Layout("inc1", ("temperature",), ("temperature",)), bytes([Quality.NO_ANSWER])
    asked = (NOON + n * MINUTE + 7_000 for n in range(110))
    store(here / "data", [Scan(layout, at, at, (None,), silent) for at in asked])
    (here / "old.csv").write_text("\n".join(["time;T", *TEN_MINUTES, ""]))
    code, said = typed(BY_ITS_TIMES)
    assert code == 0
    assert "one each 10m" in said[0]
    assert said[1].startswith("  gap of 20m from 2025-03-01 12:30")
    assert said[2].startswith(
        "  each holds for 10m, and until the next one where that comes within"
    )
    open_store(here / "data" / "alarms.db").close()
    late = "--reason late --by anna --at 2025-03-01T"
    assert typed(f"batch open {BATCH} --product x {late}12:00")[0] == 0
    assert typed(f"batch place {BATCH} inc1 {late}12:00")[0] == 0
    assert typed(f"batch close {BATCH} {late}13:50")[0] == 0
    assert typed(f"record {BATCH} --out record --by anna")[0] == 0
    record = json.loads((here / "record" / "record.json").read_bytes())
    stay = record["stays"][0]
    (exposure,) = (c["exposure"] for c in stay["channels"] if c["channel"] == "inc1.temperature")
    # Nothing from half an hour on, then where the logger says that it measured nothing.
    gaps = [
        ((gap["start"] - NOON) // MINUTE, (gap["end"] - NOON) // MINUTE) for gap in exposure["gaps"]
    ]
    assert gaps == [(30, 50), (70, 80), (105, 110)]
    assert exposure["known_ms"] == 75 * MINUTE
    (logger,) = record["loggers"]
    assert (logger["channel"], logger["period"]) == ("temperature", 10 * MINUTE)
    page = (here / "record" / "record.html").read_text(encoding="utf-8")
    (row,) = re.findall(r"<td>inc1\.temperature</td><td class=\"t\">.*?</tr>", page, re.DOTALL)
    assert "<td>10m</td>" in row
    assert typed("verify record --data data --site site.toml")[0] == 0


def test_units_are_settled_and_columns_may_be_numbered(here: Path) -> None:
    (here / "old.csv").write_text("no,time,T [F]\n1,2025-03-01T11:00Z,98.6\n2,2025-03-01T11:01Z,\n")
    code, said = typed(
        "import old.csv --device inc1 --column 3=temperature --unit degF --period 1m --by anna"
    )
    assert code == 0, said
    assert kept(here)[0].values[0] == pytest.approx(37.0)


def test_a_logger_that_travels_is_no_device_of_the_site(here: Path) -> None:
    words = IN_VIENNA.replace("inc1", "dry7")
    assert typed(words)[0] == 2
    assert typed(f"{words} --travelling")[0] == 0
    assert len(kept(here, "dry7")) == 3


def test_while_a_core_has_the_journal_it_waits_there(here: Path) -> None:
    core = FolderLock(here / "data")
    core.take()
    try:
        code, said = typed(f"{IN_VIENNA} --wait 300ms")
    finally:
        core.release()
    assert code == 1
    assert said[-1].startswith("it waits beside the journal; a core goes on taking it in")
    (waiting,) = (here / "data" / "intake").glob("*.waiting")
    assert json.loads(waiting.read_text().splitlines()[0])["by"] == "anna"
    overlapping = here / "other.csv"
    overlapping.write_text(GOOD.replace("37,1", "37,2"))
    code, said = typed(IN_VIENNA.replace("old.csv", "other.csv"))
    assert code == 1
    assert "old.csv waits already" in said[-1]
    assert typed(IN_VIENNA)[0] == 0
    assert len(kept(here)) == 3


def test_a_period_may_be_said(here: Path) -> None:
    (here / "old.csv").write_text("time,T\n2025-03-01T11:00Z,37\n")
    assert typed(INTO_INC1)[0] == 2
    assert typed(f"{INTO_INC1} --period 5m")[0] == 0
    assert len(kept(here)) == 1
