"""What stands in a point. Expected lines are written by hand from InfluxDB's line protocol page."""

import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.quality import VALUELESS, Quality
from devices.scan import Layout, Scan, Source, absent
from devices.units import STORED_UNIT
from storage import points
from storage.points import PointWriter, escaped

NOON = 1_700_000_000_000
INCUBATOR = Layout("i1", ("t", "co2"), ("temperature", "carbon_dioxide"))
GOOD = bytes((Quality.GOOD, Quality.GOOD))


def written(scan: Scan, *, site: str = "lab") -> list[str]:
    return PointWriter(site).lines(scan)


def test_a_good_scan_is_a_line_for_each_channel() -> None:
    assert written(Scan(INCUBATOR, NOON, NOON + 5, (37.0, 5.0), GOOD)) == [
        'temperature,channel=i1.t,device=i1,site=lab quality="good",value=37.0 1700000000000\n',
        'carbon_dioxide,channel=i1.co2,device=i1,site=lab quality="good",value=5.0 1700000000000\n',
    ]


def test_absence_is_a_point_with_a_quality_and_no_value() -> None:
    assert written(absent(INCUBATOR, at=NOON)) == [
        'temperature,channel=i1.t,device=i1,site=lab quality="no_answer" 1700000000000\n',
        'carbon_dioxide,channel=i1.co2,device=i1,site=lab quality="no_answer" 1700000000000\n',
    ]


def test_one_broken_probe_leaves_the_other_channel_its_value() -> None:
    scan = Scan(
        INCUBATOR, NOON, NOON, (None, 4.9), bytes((Quality.SENSOR_FAULT, Quality.CLOCK_UNSURE))
    )
    assert [line.split(" ")[1] for line in written(scan)] == [
        'quality="sensor_fault"',
        'quality="clock_unsure",value=4.9',
    ]


@pytest.mark.parametrize(
    ("source", "repeat", "fields"),
    [
        (Source.LIVE, False, 'quality="good",value=37.0'),
        (Source.BACKFILL, False, 'quality="good",value=37.0,source="backfill"'),
        (Source.TEST, True, 'quality="good",value=37.0,source="test",repeat=true'),
        (Source.LIVE, True, 'quality="good",value=37.0,repeat=true'),
    ],
)
def test_source_and_repeat_are_written_only_when_they_say_something(
    *, source: Source, repeat: bool, fields: str
) -> None:
    scan = Scan(INCUBATOR, NOON, NOON, (37.0, 5.0), GOOD, source=source, repeat=repeat)
    assert written(scan)[0].split(" ")[1] == fields


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Room 1", r"Room\ 1"),
        ("a,b=c", r"a\,b\=c"),
        ("#3", "%233"),
        ("no#3", "no#3"),
        ("lab\\north", "lab%5Cnorth"),
        ("100%", "100%25"),
        ("two\nlines\t", "two%0Alines%09"),
        ('8" shelf', r"8%22\ shelf"),
        ("Zürich", "Zürich"),
        ("\ud800", "%ED%A0%80"),
    ],
)
def test_a_name_is_spelt_so_that_both_servers_read_the_same(name: str, expected: str) -> None:
    assert escaped(name) == expected


def test_the_equals_sign_of_a_measurement_stays() -> None:
    assert escaped("a=b c", special=" ,") == r"a=b\ c"


def test_an_empty_tag_is_left_out_because_servers_refuse_it() -> None:
    scan = Scan(INCUBATOR, NOON, NOON, (37.0, 5.0), GOOD)
    assert written(scan, site="")[0].startswith("temperature,channel=i1.t,device=i1 quality=")


def test_the_names_are_those_of_the_quantities_and_the_tags_are_sorted() -> None:
    assert set(points.MEASUREMENTS) == set(STORED_UNIT)
    assert list(points.TAGS) == sorted(points.TAGS)
    assert not set(points.TAGS) & set(points.FIELDS), "InfluxDB 3 refuses a tag named like a field"


names = st.text(min_size=1, max_size=12)
readings = st.one_of(
    st.tuples(
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from(sorted(set(Quality) - VALUELESS)),
    ),
    st.tuples(st.none(), st.sampled_from(sorted(VALUELESS))),
)


@given(
    site=names,
    device=names,
    channels=st.lists(
        st.tuples(names, st.sampled_from(sorted(STORED_UNIT)), readings),
        min_size=1,
        max_size=4,
        unique_by=lambda channel: channel[0],
    ),
    at=st.integers(-(2**53), 2**53),
    source=st.sampled_from(Source),
    repeat=st.booleans(),
)
def test_whatever_a_scan_says_can_be_read_from_its_lines(
    *,
    site: str,
    device: str,
    channels: list[tuple[str, str, tuple[float | None, Quality]]],
    at: int,
    source: Source,
    repeat: bool,
) -> None:
    keys, quantities, told = zip(*channels, strict=True)
    values, qualities = zip(*told, strict=True)
    scan = Scan(
        Layout(device, keys, quantities), at, at, values, bytes(qualities), source, repeat=repeat
    )

    lines = written(scan, site=site)

    assert [read(line) for line in lines] == [
        (
            quantity,
            {"channel": f"{device}.{key}", "device": device, "site": site},
            {
                "quality": quality.word,
                **({} if value is None else {"value": value}),
                **({} if source is Source.LIVE else {"source": source.name.lower()}),
                **({"repeat": True} if repeat else {}),
            },
            at,
        )
        for key, quantity, (value, quality) in channels
    ]
    assert {name for line in lines for name in read(line)[2]} <= set(points.FIELDS)


def read(line: str) -> tuple[str, dict[str, str], dict[str, object], int]:
    """A line as InfluxDB's reference describes it: measurement, tags, fields, time."""
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    series, fields, at = re.split(r"(?<!\\) ", line.removesuffix("\n"))
    measurement, *tags = re.split(r"(?<!\\),", series)
    return (
        unescaped(measurement),
        {key: unescaped(value) for key, value in (re.split(r"(?<!\\)=", tag) for tag in tags)},
        dict(field_of(field) for field in fields.split(",")),
        int(at),
    )


def unescaped(name: str) -> str:
    plain = re.sub(r"\\([ ,=])", r"\1", name)
    assert "\\" not in plain
    return unquote_to_bytes(plain).decode("utf-8", "surrogatepass")


def field_of(field: str) -> tuple[str, object]:
    name, value = field.split("=")
    if value.startswith('"'):
        return name, value.strip('"')
    return name, True if value == "true" else float(value)
