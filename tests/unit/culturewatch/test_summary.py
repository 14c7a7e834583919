"""``culturewatch summary``: a batch in an incubator for two days, sealed, with a warm hour."""

import asyncio
import json
import math
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from batches.batch import Signed
from batches.instruments import Instruments
from batches.ledger import Ledger
from culturewatch.cli import app
from devices.quality import Quality
from devices.scan import Layout, Scan
from storage.archive.days import DAY_MS
from storage.archive.sealer import Heads, Sealer
from storage.journal import Journal
from tests.unit.culturewatch.bare_site import BARE_SITE

pytestmark = pytest.mark.long

MORE = """\
period = "10m"

[[device]]
id = "inc2"
profile = "sim-incubator"
endpoint = "one"
unit = 2
period = "10m"
"""
SITE = BARE_SITE + MORE
MONDAY = 1_767_571_200_000
"""2026-01-05, 00:00 UTC, 01:00 in Vienna."""
STEP = 600_000
KEYS = ("temperature", "carbon_dioxide", "relative_humidity", "door", "sterilisation")
LAYOUT = Layout(
    "inc1", KEYS, ("temperature", "carbon_dioxide", "relative_humidity", "state", "state")
)
B, OTHER = "B-2026-0001", "B-2026-0002"


def scan(n: int) -> Scan:
    """The n-th reading: on Monday, UTC, 38.5 degC from 12:00 to 13:00, and silence at 20:00."""
    at = MONDAY + n * STEP
    if 120 <= n < 126:
        return Scan(LAYOUT, at, at + 40, (None,) * 5, bytes((Quality.NO_ANSWER,)) * 5)
    warm = 38.5 if 72 <= n < 78 else 37.0
    return Scan(LAYOUT, at, at + 40, (warm, 5.0, 93.0, 0.0, 0.0), bytes(5))


async def fill(folder: Path) -> None:
    async with Journal(folder) as journal:
        for n in range(360):
            journal.append(scan(n))
        await journal.put(scan(360))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("summary")
    asyncio.run(fill(folder / "data"))
    seal = Sealer(folder / "data", heads=lambda: Heads(None, None), software="test").seal
    assert len(seal(MONDAY + 2 * DAY_MS + DAY_MS // 2)) == 2
    (folder / "site.toml").write_text(SITE)
    return folder


@pytest.fixture(scope="module")
def lived(data: Path) -> Path:
    """B from Monday 06:00 to Wednesday 06:00 UTC in inc1; the other in inc2, which never spoke."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(data)
        late = "--by anna --reason late"
        for batch, device, left in ((B, "inc1", 7), (OTHER, "inc2", 6)):
            when = f"--at 2026-01-05T06:00Z --until 2026-01-0{left}T06:00Z"
            good(f"batch open {batch} --product F --at 2026-01-05T06:00Z {late}")
            good(f"batch place {batch} {device} {when} {late}")
    return data


@pytest.fixture(autouse=True)
def here(lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that for each test."""
    shutil.copytree(lived, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("COLUMNS", "220")
    return tmp_path / "here"


def typed(words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, words.split())
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


def good(words: str) -> str:
    code, said = typed(words)
    assert code == 0, said
    return said


def test_a_batch_is_summed_up_channel_by_channel() -> None:
    found = json.loads(good(f"summary --batch {B} --json"))
    assert [each["channel"] for each in found] == [f"inc1.{key}" for key in KEYS]
    temperature = found[0]
    # 48 h: 288 readings are due, six of them said nothing.
    assert [temperature[name] for name in ("expected", "received", "good", "rejected")] == [
        *(288, 288, 282, 6),
    ]
    assert (temperature["coverage"], temperature["unknown_s"]) == (97.91, 3600.0)
    assert (temperature["min"], temperature["max"]) == (37.0, 38.5)
    # 276 readings of 37.0 and 6 of 38.5, each for ten minutes.
    assert temperature["mean"] == pytest.approx((276 * 37.0 + 6 * 38.5) / 282, abs=1e-9)
    cool, warm = (math.exp(-10_000 / (273.15 + value)) for value in (37.0, 38.5))
    kinetic = 10_000 / -math.log((276 * cool + 6 * warm) / 282) - 273.15
    assert temperature["mkt"] == pytest.approx(kinetic, abs=1e-9)
    assert temperature["excursions"] is None
    assert found[1]["mkt"] is None
    assert temperature["start"] == "2026-01-05T07:00:00.000+01:00"


def test_with_limits_every_excursion_is_told() -> None:
    found = json.loads(good(f"summary --batch {B} --high 38 --json"))
    (out,) = found[0]["excursions"]
    assert out == {
        "start": "2026-01-05T13:00:00.000+01:00",
        "end": "2026-01-05T14:00:00.000+01:00",
        "duration_s": 3600.0,
        "side": "high",
        "worst": 38.5,
        # 0.5 K for an hour.
        "area": 1800.0,
    }
    # The limits are of temperatures.
    assert [each["excursions"] for each in found[1:]] == [None] * 4
    said = good(f"summary --batch {B} --high 38 --low 36")
    assert "2026-01-05T13:00:00" in said
    assert "1800.0" in said
    assert "none" in good(f"summary --batch {B} --quantity carbon_dioxide --low 4")


def test_what_was_never_read_is_not_known() -> None:
    found = json.loads(good("summary --device inc2 --json"))
    assert {each["batch"] for each in found} == {OTHER}
    assert [each["channel"] for each in found] == [f"inc2.{key}" for key in KEYS]
    for each in found:
        assert (each["expected"], each["received"], each["coverage"]) == (144, 0, 0.0)
        assert (each["min"], each["mean"], each["max"], each["mkt"]) == (None,) * 4


def test_a_span_cuts_stays_and_leaves_out_others() -> None:
    words = "--from 2026-01-06T12:00Z --to 2026-01-06T18:00Z"
    found = json.loads(good(f"summary {words} --json"))
    assert {each["batch"] for each in found} == {B}
    assert {(each["expected"], each["coverage"]) for each in found} == {(36, 100.0)}
    assert good("summary --to 2026-01-01") == "no stay lies in that time: nothing to sum up\n"


def test_in_calibration_it_is_summed_up_reading_by_reading(here: Path) -> None:
    good("sensor add S1 --model x --by anna")
    good("sensor install S1 inc1.temperature --at 2026-01-05T00:00Z --by anna --reason late")
    begun, ended = MONDAY + 72 * STEP, MONDAY + 78 * STEP
    sensors = Instruments(Ledger(f"sqlite:///{here}/data/ledger.db"))
    sensors.begin("S1", until=ended, act=Signed(by="anna", at=begun, reason="late"))
    sensors.end("S1", act=Signed(by="anna", at=ended, reason="late"))
    found = json.loads(good(f"summary --batch {B} --high 38 --json"))
    # The warm hour was of the bath in which the sensor hung.
    assert (found[0]["max"], found[0]["excursions"]) == (37.0, [])
    assert (found[0]["good"], found[0]["rejected"]) == (276, 12)
    assert found[0]["unknown_s"] == 7200.0


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ("--batch B-2026-0009", 1, "B-2026-0009"),
        ("--device inc9", 2, "inc9: is not of this site; known: inc1, inc2"),
        ("--low 38 --high 37", 2, "--low 38 lies above --high 37"),
        ("--high nan", 2, "a limit is a number of degC"),
        ("--quantity colour", 2, "--quantity colour: is none; known are temperature"),
        ("--from 2026-01-07 --to 2026-01-06", 2, "lies after --to"),
        ("--from yesterday", 2, "write 2026-01-05T08:00"),
        ("--site nowhere.toml", 2, "nowhere.toml"),
    ],
)
def test_what_cannot_be_summed_up_is_said(words: str, code: int, why: str) -> None:
    ended, said = typed(f"summary {words}")
    assert (ended, why in said) == (code, True), said


def test_a_device_that_left_the_site_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("without.toml").write_text(SITE[: SITE.index('[[device]]\nid = "inc2"')])
    monkeypatch.setenv("CULTUREWATCH_SITE", "without.toml")
    code, said = typed(f"summary --batch {OTHER}")
    assert code == 1
    assert "stood in inc2, which this site does not know; add the device to the site" in said


def test_what_is_damaged_is_left_out_and_named(here: Path) -> None:
    segment = here / "data" / "archive" / "2026-01-05.parquet"
    raw = bytearray(segment.read_bytes())
    raw[len(raw) // 3] ^= 0xFF
    segment.write_bytes(raw)
    code, said = typed(f"summary --batch {B}")
    assert code == 1
    assert "culturewatch verify names them" in said
