"""Fills that the level of a tank shows: by whom they were entered, or that nobody did."""

import csv
from pathlib import Path

import msgspec
import pytest

from alerts.rule import Rule
from batches.batch import Signed
from batches.care import Caretaker, Kind
from batches.equipment_log import SEEN, EquipmentLog, equipment_log
from batches.export.listing import write_report
from batches.export.log_listing import log_report
from batches.filling import Course
from batches.ledger import Ledger
from batches.placement import Interval
from batches.record import Made
from batches.setting import Setting
from batches.survey import Channel
from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from tests.unit.batches.conftest import HOUR, MINUTE, MONDAY, Journal, site

DAY = Interval(MONDAY, MONDAY + 24 * HOUR)
RULE = Rule(
    id="inc2-empty-soon", channel="inc2.level", kind="time-to-limit", limit=400, deadband=10
)


def course(*values: float, every: int = MINUTE) -> list[tuple[int, int, float, float]]:
    """What is found in values of every minute; in minutes."""
    found = Course(10.0)
    for n, value in enumerate(values):
        found.take(n * every, value)
    return [(start // MINUTE, end // MINUTE, low, high) for start, end, low, high in found.over()]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        pytest.param((500, 499, 498, 498, 497), [], id="it evaporates"),
        pytest.param((500, 499, 509, 508, 509, 499), [], id="within the deadband"),
        pytest.param((500, 499, 620, 499, 498), [], id="a spike of one reading"),
        pytest.param((500, 499, 620, 498, 621, 498), [], id="and another one"),
        pytest.param((500, 499, 520, 560, 600, 599, 598), [(1, 4, 499, 600)], id="a fill"),
        pytest.param((500, 499, 520, 560, 600), [(1, 4, 499, 600)], id="until the end"),
        pytest.param((500, 499, 505, 511, 560, 559), [(3 - 1, 4, 499, 560)], id="slow at first"),
        pytest.param(
            (500, 550, 600, 585, 586, 640, 641, 640),
            [(0, 2, 500, 600), (4, 6, 585, 641)],
            id="twice, with a fall between",
        ),
        pytest.param((500,), [], id="one reading"),
        pytest.param((500, 600, 600), [(0, 1, 500, 600)], id="as high as it gets at once"),
    ],
)
def test_a_level_rises_by_a_fill_alone(
    values: tuple[float, ...], found: list[tuple[int, int, float, float]]
) -> None:
    assert course(*values) == found


def test_a_fill_is_over_when_it_has_not_risen_for_an_hour() -> None:
    values = (500.0, 550.0, 600.0, *(599.0,) * 12, 640.0, 641.0)
    # Every ten minutes: the second fill begins two hours after the first was done.
    assert course(*values, every=10 * MINUTE) == [(0, 20, 500, 600), (140, 160, 599, 641)]
    assert course(*values, every=MINUTE) == [(0, 16, 500, 641)]


def tank(*, rules: tuple[Rule, ...] = (RULE,)) -> Setting:
    """The site, whose inc2 has a level in its place, and says when it is being filled."""
    setting = site()
    channels = (
        Channel(key="level", quantity="level", unit="mm"),
        Channel(key="filling", quantity="state", unit="1"),
    )
    equipment = tuple(
        msgspec.structs.replace(each, channels=channels) if each.id == "inc2" else each
        for each in setting.equipment
    )
    return msgspec.structs.replace(setting, equipment=equipment, rules=rules)


def told() -> Journal:
    """500 mm, a millimetre less each hour; at 4, 10 and 16 o'clock 100 mm more in 10 minutes.

    At 16 o'clock the device itself says that it is being filled.
    """
    kept, layout = Journal(), Layout("inc2", ("level", "filling"), ("level", "state"))
    for n in range(0, 24 * 60, 5):
        filled = 100 * sum(n >= hour * 60 + 10 for hour in (4, 10, 16))
        half = 50 * any(n == hour * 60 + 5 for hour in (4, 10, 16))
        values = (500.0 - n // 60 + filled + half, float(16 * 60 <= n <= 16 * 60 + 10))
        at = MONDAY + n * MINUTE
        kept.add(Scan(layout, at, at, values, bytes(2)))
    # A test of the alarm path, and a value that is not good, are no level.
    tried = MONDAY + 20 * HOUR + MINUTE
    kept.add(Scan(layout, tried, tried, (900.0, 0.0), bytes(2), Source.TEST))
    for late in (2, 3):
        at = tried + late * MINUTE
        kept.add(Scan(layout, at, at, (900.0, 0.0), bytes((Quality.SUSPECT, Quality.GOOD))))
    kept.kept["inc2"].sort(key=lambda scan: scan.at)
    return kept


def logged(ledger: Ledger, setting: Setting, readings: Journal | None) -> EquipmentLog:
    made = Made(by="quality", at=DAY.end)
    return equipment_log("inc2", DAY, ledger=ledger, setting=setting, made=made, readings=readings)


@pytest.fixture
def ledger(ledger_url: str) -> Ledger:
    """Anna filled it at 10:30, as she noted afterwards."""
    found = Ledger(ledger_url, now=lambda: DAY.end)
    act = Signed(by="anna", at=MONDAY + 10 * HOUR + 30 * MINUTE, reason="entered later")
    Caretaker(found).enter("inc2", Kind.FILL, act=act, agent="LN2, 30 L")
    return found


def test_what_nobody_entered_is_in_the_log_as_such(ledger: Ledger, tmp_path: Path) -> None:
    found = logged(ledger, tank(), told())
    lines = [((e.at - MONDAY) / HOUR, e.what, e.detail, e.by, e.row) for e in found.entries]
    assert lines == [
        (4.0, SEEN, "from 496 to 596 mm", "", 0),
        (10.5, "filled", "LN2, 30 L", "anna", 1),
        (16.0, SEEN, "from 684 to 784 mm", "inc2", 0),
    ]
    # A second person is asked for cleaning and maintenance, not for a fill.
    assert found.open_items == ("It was filled once, as its level shows, and nobody entered it.",)
    assert found.people == ("anna",)
    folder = write_report(log_report(found), tmp_path / "log")
    rows = list(csv.reader((folder / "log.csv").read_text(encoding="utf-8").splitlines()))
    seen = next(row for row in rows if SEEN in row)
    assert ("nobody entered it" in seen, "inc2.level" in seen, seen[-1]) == (True, True, "")


@pytest.mark.parametrize(
    ("began", "ended", "seen"),
    [
        pytest.param((2, 30), (5, 0), [16.0], id="long before it rose, and until it had"),
        pytest.param((2, 30), (3, 5), [16.0], id="over within an hour of it"),
        pytest.param((1, 30), (2, 55), [4.0, 16.0], id="over more than an hour before"),
        pytest.param((5, 5), (9, 0), [16.0], id="begun within an hour after"),
        pytest.param((5, 20), (8, 30), [4.0, 16.0], id="begun later"),
    ],
)
def test_a_fill_is_entered_when_its_entry_overlaps_the_rise(
    ledger: Ledger, began: tuple[int, int], ended: tuple[int, int], seen: list[float]
) -> None:
    start, end = (MONDAY + hour * HOUR + minute * MINUTE for hour, minute in (began, ended))
    act = Signed(by="anna", at=start, reason="entered later")
    Caretaker(ledger).enter("inc2", Kind.FILL, act=act, until=end)
    found = logged(ledger, tank(), told())
    assert [(e.at - MONDAY) / HOUR for e in found.entries if e.what == SEEN] == seen


def test_where_no_rule_says_what_a_rise_is_none_is_looked_for_and_that_is_said(
    ledger: Ledger,
) -> None:
    found = logged(ledger, tank(rules=()), told())
    assert [each.what for each in found.entries] == ["filled"]
    (item,) = found.open_items
    assert item.startswith("inc2.level: no alarm rule of kind time-to-limit says")
    assert item.endswith("fills that nobody entered were not looked for.")
