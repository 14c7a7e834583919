"""What a terminal shows of values, ages and alarms, and what it leaves out when it is small."""

from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from console.view import ChannelView, DeviceView, SiteView
from console.words import NOTHING, age, measured
from culturewatch.table import alarm_text, clock, render
from culturewatch.terminal import terminal
from tests.unit.alerts.lived import view as alarm_view

VIENNA = ZoneInfo("Europe/Vienna")
NOON = 1_767_610_800_000
"""2026-01-05 11:00:00 UTC."""
WARM = ChannelView(
    id="inc1.temperature",
    key="temperature",
    quantity="temperature",
    unit="degC",
    value=37.0,
    quality="good",
    at=NOON,
    age_ms=400,
    alarm=None,
)
DOOR = replace(WARM, id="inc1.door", key="door", quantity="state", unit="1", value=0.0)
ALARM = replace(
    alarm_view("inc1-temperature-high"),
    state="U",
    overlay="",
    escalation="RUN",
    severity="high",
    worst="high",
    since=NOON,
    acked_by=(),
    paged=("oncall",),
    value=38.0,
    value_at=NOON,
)


def device(number: int, *channels: ChannelView, batches: tuple[str, ...] = ()) -> DeviceView:
    return DeviceView(
        id=f"inc{number}",
        name=f"Incubator {number}",
        location="",
        silent=False,
        batches=batches,
        channels=tuple(replace(c, id=f"inc{number}.{c.key}") for c in channels),
    )


def view(*devices: DeviceView, problems: tuple[str, ...] = ()) -> SiteView:
    return SiteView(
        at=NOON,
        core_alive=False,
        core_age_ms=65_000,
        devices=devices,
        alarms=(),
        pages=(),
        counts=None,
        status=None,
        problems=problems,
    )


def printed(what: SiteView, *, width: int = 120, height: int | None = None) -> str:
    paper = StringIO()
    picture = render(what, VIENNA, title="Laboratory", width=width, height=height)
    terminal(width=width, file=paper).print(picture)
    return paper.getvalue()


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("degC", 37.0, "37.00 °C"),
        ("degC", -195.806, "-195.81 °C"),
        ("%", 5.0, "5.00 %"),
        ("mm", 449.6, "450 mm"),
        ("hPa", 1013.25, "1013.2 hPa"),
        ("kg", 0.5, "0.5 kg"),
        ("1", 1.0, "yes"),
        ("1", 0.0, "no"),
    ],
)
def test_a_value_is_shown_with_its_unit(unit: str, value: float, expected: str) -> None:
    assert measured(value, unit) == expected


@pytest.mark.parametrize("unit", ["degC", "1"])
def test_where_there_is_no_value_none_is_shown(unit: str) -> None:
    assert measured(None, unit) == NOTHING


@pytest.mark.parametrize(
    ("ms", "expected"),
    [
        (None, "never"),
        (0, "0.0 s"),
        (1_540, "1.5 s"),
        (10_000, "10 s"),
        (99_000, "99 s"),
        (100_000, "2 min"),
        (119 * 60_000, "119 min"),
        (120 * 60_000, "2 h"),
        (71 * 3_600_000, "71 h"),
        (72 * 3_600_000, "3 days"),
    ],
)
def test_an_age_is_in_the_unit_that_a_person_would_choose(ms: int | None, expected: str) -> None:
    assert age(ms) == expected


def test_times_are_those_of_the_sites_zone() -> None:
    assert clock(NOON, VIENNA) == "12:00:00"
    assert clock(None, VIENNA) == ""


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("U", "high unacknowledged"),
        ("A", "high acknowledged"),
        ("R", "high returned, unacknowledged"),
        ("LU", "high latched, unacknowledged"),
        ("LA", "high latched, acknowledged: needs reset"),
    ],
)
def test_the_state_of_an_alarm_is_said_in_words(state: str, words: str) -> None:
    assert alarm_text(replace(ALARM, state=state)).plain == words


def test_an_alarm_that_another_explains_says_which() -> None:
    assert alarm_text(replace(ALARM, under="power")).plain.endswith("explained by power")


def test_a_core_that_does_not_run_is_told_first() -> None:
    text = printed(view(device(1, WARM)))
    assert "CORE DOES NOT RUN (last heard: 65 s ago)" in text.splitlines()[0]


def test_a_core_that_never_ran_was_not_heard_never_ago() -> None:
    text = printed(replace(view(device(1, WARM)), core_age_ms=None))
    assert "CORE DOES NOT RUN (never heard)" in text.splitlines()[0]


def test_a_device_that_was_never_heard_has_a_row() -> None:
    text = printed(view(device(1), problems=("alarms.db: cannot be read",)))
    assert "Incubator 1" in text
    assert "never heard" in text
    assert "! alarms.db: cannot be read" in text


def test_a_row_shows_value_quality_age_alarm_and_batch() -> None:
    warm = replace(WARM, alarm=ALARM)
    text = printed(view(device(1, warm, DOOR, batches=("B-2026-0001",))))
    row = next(line for line in text.splitlines() if "temperature" in line)
    for word in ("37.00 °C", "good", "0.4 s", "high unacknowledged", "B-2026-0001"):
        assert word in row


@pytest.mark.parametrize("height", [8, 12, 20, 40])
def test_an_alarm_is_shown_in_the_smallest_terminal(height: int) -> None:
    devices = [device(n, WARM, DOOR) for n in range(1, 9)]
    alarmed = device(9, WARM, replace(DOOR, value=1.0, alarm=ALARM))
    text = printed(view(*devices, alarmed), height=height)
    assert "high unacknowledged" in text


@pytest.mark.parametrize("width", [80, 100, 128, 200])
def test_alarm_and_batch_are_shown_however_narrow_the_terminal(width: int) -> None:
    silent = replace(WARM, value=None, quality="no_answer", alarm=replace(ALARM, state="R"))
    cold = replace(WARM, value=-170.7)
    probe = DeviceView(
        id="rhprobe",
        name="Humidity probe in incubator 1",
        location="",
        silent=False,
        batches=("B-2026-0001", "B-2026-0002"),
        channels=(replace(silent, id="rhprobe.relative_humidity", key="relative_humidity"),),
    )
    text = printed(view(device(1, cold, DOOR), probe), width=width)
    for word in ("no answer", "high", "returned,", "unacknowledged", "B-2026-0001", "B-2026-0002"):
        assert word in text
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("height", [16, 24])
def test_what_wraps_is_counted_as_the_lines_that_it_takes(height: int) -> None:
    devices = [
        device(n, replace(WARM, alarm=replace(ALARM, state="LA")), DOOR, batches=("B-2026-0001",))
        for n in range(1, 5)
    ]
    text = printed(view(*devices), width=80, height=height)
    assert len(text.splitlines()) < height
    assert text.count("needs reset") == 4


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_a_row_stands_where_it_stood_when_its_alarm_is_raised(width: int) -> None:
    shown = [
        printed(view(device(1, replace(WARM, alarm=alarm))), width=width).splitlines()
        for alarm in (None, replace(ALARM, state="A"))
    ]
    well, raised = (next(line for line in lines if "37.00" in line) for lines in shown)
    assert raised.startswith(well.rstrip())


def test_a_name_in_brackets_is_shown_as_it_is_written() -> None:
    named = replace(device(1, WARM, batches=("B-2026-0001",)), name="Shelf [left] [/b] :dog:")
    assert "Shelf [left] [/b] :dog:" in printed(view(named))


def test_a_switch_at_rest_is_left_out_first() -> None:
    devices = [device(n, WARM, DOOR) for n in range(1, 9)]
    text = printed(view(*devices), height=16)
    assert "door" not in text
    assert text.count("temperature") == 8
