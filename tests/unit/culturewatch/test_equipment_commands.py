"""The log of a device and the excursions of a period, as people type them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alerts import configuration
from alerts.channel import ChannelSpec
from alerts.rule import Rule
from alerts.rulebook import Rulebook
from alerts.schema import open_store
from culturewatch.cli import app
from devices.scan import Layout, Scan
from storage.entry import Started
from storage.journal import Journal
from tests.integration.laboratory import lay_out

B = "B-2026-0001"
PERIOD = "--from 2026-01-01 --to 2026-01-03"

pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def here(tmp_path: Path, served: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "tester")
    monkeypatch.setenv("COLUMNS", "200")
    lay_out(tmp_path, served)
    return tmp_path


def typed(words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, words.split())
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


def good(words: str) -> str:
    code, said = typed(words)
    assert code == 0, said
    return said


def test_care_is_entered_checked_and_written_into_the_log(here: Path) -> None:
    late = "--reason late"
    good(f"batch open {B} --product Fibroblasts --at 2026-01-01T07:00 {late}")
    good(f"batch place {B} inc1 --at 2026-01-01T08:00 {late}")
    said = good(f"equipment clean inc1 --agent Incidin --at 2026-01-02T08:00 {late}")
    assert said == "row 3: inc1 was cleaned\n"
    assert typed("equipment check 3")[0] == 1
    assert good("equipment check 3 --by ben") == (
        "row 3: that inc1 was cleaned was checked by ben\n"
    )
    for verb in ("sterilise", "maintain", "service"):
        good(f"equipment {verb} inc1 --at 2026-01-02T09:00 {late} --checked-by ben")
    good("equipment withdraw 5 --reason never")
    said = good(f"equipment log inc1 {PERIOD} --out log")
    assert said == "log: the log of inc1, 4 entries\n"
    written = json.loads((here / "log" / "record.json").read_bytes())
    assert [entry["what"] for entry in written["entries"]] == [
        "placed",
        "cleaned",
        "maintained",
        "serviced",
    ]
    assert good("verify log").endswith("nothing was changed\n")


def test_a_period_backwards_and_an_unknown_device_are_told() -> None:
    code, said = typed("equipment log inc1 --from 2026-01-03 --to 2026-01-01 --out log")
    assert (code, "does not lie after" in said) == (2, True)
    code, said = typed(f"equipment log inc9 {PERIOD} --out log")
    assert (code, "not a device of this site" in said) == (1, True)
    assert not Path("log").exists()


async def test_the_excursions_of_a_period_are_written(here: Path) -> None:
    async with Journal(here / "data"):
        pass
    open_store(here / "data" / "alarms.db").close()
    said = good(f"report excursions {PERIOD} --device inc1 --out report")
    assert said == "report: 0 excursions, 0 alarms\n"
    written = json.loads((here / "report" / "record.json").read_bytes())
    assert written["open_items"] == ["inc1: no limits are in force, so no excursion can be found."]
    code, said = typed("report excursions --from 2026-01-01 --to 2099-01-03 --out later")
    assert (code, "the period is not over" in said) == (1, True)


NOON = 1_767_268_800_000
"""2026-01-01 12:00 UTC."""


def book(limit: float) -> Rulebook:
    channel = ChannelSpec(
        id="inc1.temperature",
        quantity="temperature",
        period_ms=250,
        resolution=0.01,
        range=(0.0, 200.0),
    )
    rule = Rule(id="inc1-hot", channel=channel.id, kind="high", limit=limit)
    return Rulebook(rules=(rule,), channels=(channel,))


async def test_excursions_are_judged_by_the_rules_that_ran_then_and_made_again_as_a_version(
    here: Path,
) -> None:
    loose, tight = book(39.0), book(37.5)
    layout = Layout("inc1", ("temperature",), ("temperature",))
    async with Journal(here / "data") as journal:
        for at, each in ((0, loose), (30_000, tight)):
            configuration.keep(here / "data", each)
            await journal.put(Started(at=NOON + at, version="0.1.0", configuration=each.digest))
        for step in range(240):
            at = NOON + 250 * step
            journal.append(Scan(layout, at, at, (38.0,), bytes(1)))
    open_store(here / "data" / "alarms.db").close()
    asked = "report excursions --from 2026-01-01T12:00Z --to 2026-01-01T12:01Z --device inc1"
    assert good(f"{asked} --out report") == "report: 1 excursions, 0 alarms\n"
    written = json.loads((here / "report" / "record.json").read_bytes())
    (found,) = written["excursions"]
    excursion = found["judged"]["excursion"]
    assert (excursion["start"], excursion["end"]) == (NOON + 30_000, NOON + 60_000)
    assert (found["high"], found["rules"]) == (37.5, tight.digest)
    assert [each["digest"] for each in written["rules"]] == [loose.digest, tight.digest]
    assert written["verdict"] == "out"
    # Made again it is the next version, beside the first, and says that nothing has changed.
    assert good(f"{asked} --out report") == "report-v2: 1 excursions, 0 alarms\n"
    again = json.loads((here / "report-v2" / "record.json").read_bytes())["version"]
    assert (again["number"], again["former"]["version"], again["changed"]) == (2, 1, [])
    said = good("verify report-v2 --data data --site site.toml")
    assert "is version 2 of 2" in said
