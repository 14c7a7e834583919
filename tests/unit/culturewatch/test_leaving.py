"""What goes out stands in the audit trail before it is there, whatever ends who makes it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from batches.export import manifest
from batches.ledger import Ledger
from batches.placement import Refused
from batches.trail import Line, Note
from culturewatch.leaving import BEGUN, NotNotedError, leaving
from culturewatch.make_record import write_record
from culturewatch.site import Site
from storage.database import DatabaseError
from tests.outage import Outage
from tests.unit.culturewatch.test_record_work import B, site

__all__ = ["site"]

NOTE = Note(
    kind="export", by="ada", subject="inc1", area="export", item="a.csv", outcome=BEGUN, new=None
)
ROOT = Path(__file__).parents[3]
DIES = """
import os, pathlib, sys
rename = pathlib.Path.rename
def renamed(self, target):
    rename(self, target)
    os._exit(9)
pathlib.Path.rename = renamed
from culturewatch.make_record import write_record
from culturewatch.site import load
write_record(load(pathlib.Path(sys.argv[1])), sys.argv[2], pathlib.Path(sys.argv[3]), by="olga")
"""


def exports(ledger: Ledger) -> list[Line]:
    return [line for line in ledger.trail(area="export").lines if line.item != "record"]


def told(ledger: Ledger) -> list[tuple[str, str]]:
    return [(line.outcome, line.reason) for line in exports(ledger)]


def test_it_stands_in_the_trail_before_it_is_made_and_after(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    with leaving(ledger, NOTE):
        assert told(ledger) == [("begun", "")]
    assert told(ledger) == [("begun", ""), ("made", "")]


def test_what_was_not_made_says_why(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    with pytest.raises(Refused, match="no such"), leaving(ledger, NOTE):
        raise Refused("no such device")
    assert told(ledger) == [("begun", ""), ("failed", "no such device")]


def test_what_cannot_be_entered_is_not_begun(ledger_url: str, outage: Outage) -> None:
    ledger = Ledger(ledger_url)
    outage.begin()
    begun = False
    with pytest.raises(DatabaseError), leaving(ledger, NOTE):
        begun = True
    assert not begun
    outage.end()
    assert told(ledger) == []


def test_what_is_made_and_cannot_be_entered_is_said_to_be_made(
    ledger_url: str, outage: Outage
) -> None:
    ledger = Ledger(ledger_url)
    why = r"a\.csv was made; that it was begun is in the audit"
    with pytest.raises(NotNotedError, match=why), leaving(ledger, NOTE):
        outage.begin()
    outage.end()
    assert told(ledger) == [("begun", "")]


@pytest.mark.long
def test_a_record_whose_maker_dies_before_the_ledger_has_it_is_in_the_trail(
    site: Site, tmp_path: Path
) -> None:
    out = tmp_path / "b1"
    died = subprocess.run(  # noqa: S603 # put together here
        [sys.executable, "-c", DIES, str(site.path), B, str(out)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        timeout=60,
    )
    assert died.returncode == 9
    (line,) = exports(Ledger(site.ledger_url))[-1:]
    digest = manifest.describe(out / manifest.NAME).sha256
    assert (line.by, line.subject, line.item) == ("olga", f"record of {B}", "b1")
    assert (line.outcome, line.new) == ("begun", digest)
    # It is no version: the next one is the first, and lies where nothing is.
    write_record(site, B, tmp_path / "again", by="olga")
    lines = [(each.item, each.outcome) for each in Ledger(site.ledger_url).trail().lines[-4:]]
    assert lines == [("b1", "begun"), ("again", "begun"), ("record", "done"), ("again", "made")]


@pytest.mark.long
def test_a_record_that_the_ledger_cannot_take_does_not_stay(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger says no at the very end: the folder had appeared."""
    out, rename = tmp_path / "b1", Path.rename
    ledger = Ledger(site.ledger_url)

    def full(self: Path, target: Path) -> Path:
        found = rename(self, target)
        if target == out:
            raise DatabaseError("the ledger: database or disk is full")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", full)
        with pytest.raises(DatabaseError, match="disk is full"):
            write_record(site, B, out, by="olga")
    assert [path.name for path in tmp_path.iterdir() if "b1" in path.name] == []
    assert [line.outcome for line in exports(ledger)[-2:]] == ["begun", "failed"]
    assert write_record(site, B, out, by="olga") == out
    assert [line.outcome for line in exports(ledger)[-2:]] == ["begun", "made"]
