"""JSON payloads are read as the profile says, and no value is invented."""

import json
import sys
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from devices.catalog import find
from devices.decoded import Decoded, PoisonError
from devices.document import parse
from devices.json_codec import LARGEST, JsonCodec
from devices.profile import Fault, Profile, layout
from devices.quality import VALUELESS, Quality
from devices.scan import Scan

CASES = sorted((Path(__file__).parents[2] / "cases").glob("*/*.json"))

PROFILE = """
model = "One of everything"
maker = "nobody"
manual = "these tests"
period = "1s"
[mqtt]
{mqtt}
[[channels]]
key = "it"
quantity = "{quantity}"
unit = "{unit}"
resolution = 0.1
range = {range}
source = {source}
faults = {faults}
"""


def codec(
    source: str = '{ via = "json", path = "it" }',
    *,
    quantity: str = "temperature",
    unit: str = "degC",
    range_: str = "[-200.0, 200.0]",
    faults: str = "[]",
    mqtt: str = "",
) -> JsonCodec:
    """The codec of a profile with one channel."""
    text = PROFILE.format(
        mqtt=mqtt, quantity=quantity, unit=unit, range=range_, source=source, faults=faults
    )
    return JsonCodec(parse(text, Profile, name="test"))


def read(reader: JsonCodec, payload: bytes) -> tuple[float | None, Quality]:
    """What the one channel says."""
    decoded = reader.decode(payload)
    (value,), (quality,) = decoded.values, decoded.qualities
    return value, Quality(quality)


def shown(decoded: Decoded, profile: Profile) -> str:
    """As the expected text of a case is written."""
    stamp = "none"
    if decoded.stamp is not None:
        at = datetime.fromtimestamp(decoded.stamp / 1000, UTC)
        stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sequence = "none" if decoded.sequence is None else decoded.sequence
    lines = [f"stamp {stamp}", f"sequence {sequence}"]
    for channel, value, code in zip(
        profile.channels, decoded.values, decoded.qualities, strict=True
    ):
        quality = Quality(code)
        said = f"{value} {channel.stored.unit}" if quality is Quality.GOOD else quality.word
        lines.append(f"{channel.key} {said}")
    return "\n".join(lines) + "\n"


def test_there_are_cases() -> None:
    assert {case.parent.name for case in CASES} >= {"sim-freezer", "sim-room-oxygen"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_a_payload_means_what_its_case_says(case: Path) -> None:
    profile = find(case.parent.name)
    decoded = JsonCodec(profile).decode(case.read_bytes())
    assert shown(decoded, profile) == case.with_suffix(".txt").read_text()


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param(b'{"it": 37}', (37.0, Quality.GOOD), id="a whole number"),
        pytest.param(b'{"it": -196.0}', (-196.0, Quality.GOOD), id="liquid nitrogen"),
        pytest.param(b'{"it": 0}', (0.0, Quality.GOOD), id="zero is a value"),
        pytest.param(b'{"it": 200.0}', (200.0, Quality.GOOD), id="the end of the range"),
        pytest.param(b'{"it": 200.1}', (None, Quality.OUT_OF_RANGE), id="beyond the range"),
        pytest.param(b'{"it": 1e300}', (None, Quality.OUT_OF_RANGE), id="far beyond"),
        pytest.param(b'{"it": ' + b"9" * 400 + b"}", (None, Quality.OUT_OF_RANGE), id="no float"),
        pytest.param(b'{"it": null}', (None, Quality.SENSOR_FAULT), id="null"),
        pytest.param(b'{"other": 37}', (None, Quality.NO_ANSWER), id="missing"),
        pytest.param(b"{}", (None, Quality.NO_ANSWER), id="nothing"),
        pytest.param(b'{"it": NaN}', (None, Quality.SENSOR_FAULT), id="NaN"),
        pytest.param(b'{"it": -Infinity}', (None, Quality.SENSOR_FAULT), id="infinity"),
        pytest.param(b'{"it": 1e400}', (None, Quality.SENSOR_FAULT), id="infinity in digits"),
        pytest.param(b'{"it": "NaN"}', (None, Quality.SENSOR_FAULT), id="the text NaN"),
        pytest.param(b'{"it": "--"}', (None, Quality.SENSOR_FAULT), id="dashes"),
        pytest.param(b'{"it": "37.0"}', (None, Quality.SENSOR_FAULT), id="a number as text"),
        pytest.param(b'{"it": true}', (None, Quality.SENSOR_FAULT), id="an unmapped boolean"),
        pytest.param(b'{"it": [37]}', (None, Quality.SENSOR_FAULT), id="a list"),
        pytest.param(b'{"it": {"it": 37}}', (None, Quality.SENSOR_FAULT), id="an object"),
    ],
)
def test_a_value_is_a_number_in_range_or_absent(
    payload: bytes, expected: tuple[float | None, Quality]
) -> None:
    assert read(codec(), payload) == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"a": [{}, {"b": 5.5}]}', (5.5, Quality.GOOD)),
        (b'{"a": {"1": {"b": 5.5}}}', (5.5, Quality.GOOD)),
        (b'{"a": [{}]}', (None, Quality.NO_ANSWER)),
        (b'{"a": 7}', (None, Quality.NO_ANSWER)),
        (b'{"a": null}', (None, Quality.SENSOR_FAULT)),
        (b'{"a": [1, null]}', (None, Quality.SENSOR_FAULT)),
    ],
)
def test_a_path_goes_through_objects_and_lists(
    payload: bytes, expected: tuple[float | None, Quality]
) -> None:
    assert read(codec('{ via = "json", path = "a.1.b" }'), payload) == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"it": -127}', (None, Quality.SENSOR_FAULT)),
        (b'{"it": -127.0}', (None, Quality.SENSOR_FAULT)),
        (b'{"it": 85}', (85.0, Quality.SUSPECT)),
        (b'{"it": "OVER"}', (None, Quality.OUT_OF_RANGE)),
        (b'{"it": 84.9}', (84.9, Quality.GOOD)),
    ],
)
def test_a_fault_code_is_no_measurement(
    payload: bytes, expected: tuple[float | None, Quality]
) -> None:
    faults = (
        '[{ raw = -127, quality = "sensor_fault" }, { raw = 85, quality = "suspect" },'
        ' { raw = "OVER", quality = "out_of_range" }]'
    )
    assert read(codec(faults=faults), payload) == expected


def test_a_null_may_be_declared_to_mean_something_else() -> None:
    # TOML has no null, so that only a profile made in Python can say so.
    profile = find("sim-room-oxygen")
    oxygen, fault = profile.channels
    quiet = replace(oxygen, faults=(Fault(raw=None, quality="no_answer"),))
    decoded = JsonCodec(replace(profile, channels=(quiet, fault))).decode(b'{"oxygen": null}')
    assert decoded.qualities == bytes([Quality.NO_ANSWER, Quality.NO_ANSWER])


def test_units_and_scale_are_settled_here() -> None:
    kelvin = codec(unit="K", range_="[0.0, 400.0]")
    assert read(kelvin, b'{"it": 77.36}') == (-195.79, Quality.GOOD)
    ppm = codec(quantity="carbon_dioxide", unit="ppm", range_="[0, 200000]")
    assert read(ppm, b'{"it": 50000}') == (5.0, Quality.GOOD)
    tenths = codec('{ via = "json", path = "it", scale = 0.1 }', range_="[-200.0, 0.3]")
    assert read(tenths, b'{"it": -1960}') == (-196.0, Quality.GOOD)
    assert read(tenths, b'{"it": 3}') == (0.3, Quality.GOOD)
    assert read(tenths, b'{"it": 4}') == (None, Quality.OUT_OF_RANGE)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"it": "closed"}', (0.0, Quality.GOOD)),
        (b'{"it": true}', (1.0, Quality.GOOD)),
        (b'{"it": false}', (None, Quality.SENSOR_FAULT)),
        (b'{"it": "Closed"}', (None, Quality.SENSOR_FAULT)),
        (b'{"it": 1}', (1.0, Quality.GOOD)),
    ],
)
def test_words_are_those_of_the_profile(
    payload: bytes, expected: tuple[float | None, Quality]
) -> None:
    words = '{ via = "json", path = "it", words = { closed = 0, true = 1 } }'
    reader = codec(words, quantity="state", unit="1", range_="[0, 1]")
    assert read(reader, payload) == expected


@pytest.mark.parametrize(
    ("form", "raw", "expected"),
    [
        ("ms", "1767225600123", 1_767_225_600_123),
        ("s", "1767225600", 1_767_225_600_000),
        ("s", "1767225600.5", 1_767_225_600_500),
        ("iso8601", '"2026-01-01T00:00:00Z"', 1_767_225_600_000),
        ("iso8601", '"2026-01-01T01:00:00.123+01:00"', 1_767_225_600_123),
        ("iso8601", '"2025-12-31T19:00:00.123456789-05:00"', 1_767_225_600_123),
    ],
)
def test_a_stamp_is_read_as_its_format_says(form: str, raw: str, expected: int) -> None:
    reader = codec(mqtt=f'stamp = {{ path = "at", format = "{form}" }}')
    decoded = reader.decode(f'{{"at": {raw}, "it": 1}}'.encode())
    assert (decoded.stamp, decoded.stamp_fault) == (expected, "")


@pytest.mark.parametrize(
    ("form", "raw", "reason"),
    [
        ("iso8601", '"2026-01-01T00:00:00"', "time zone"),
        ("iso8601", '"2026-01-01"', "time zone"),
        ("iso8601", '"yesterday"', "not an ISO 8601 time"),
        ("iso8601", '"2026-12-31T23:59:60Z"', "not an ISO 8601 time"),
        ("iso8601", "1767225600", "not a text"),
        ("ms", '"1767225600123"', "not a number"),
        ("ms", "true", "not a number"),
        ("s", "NaN", "not a time"),
        ("s", "Infinity", "infinity"),
        ("ms", "null", "missing"),
    ],
)
def test_a_stamp_that_cannot_be_trusted_is_refused_and_the_values_stay(
    form: str, raw: str, reason: str
) -> None:
    reader = codec(mqtt=f'stamp = {{ path = "at", format = "{form}" }}')
    decoded = reader.decode(f'{{"at": {raw}, "it": 1}}'.encode())
    assert decoded.stamp is None
    assert reason in decoded.stamp_fault
    assert decoded.values == (1.0,)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"37.0", "not a JSON object but a number", id="a number"),
        pytest.param(b"[]", "not a JSON object but a list", id="a list"),
        pytest.param(b"null", "not a JSON object but null", id="null"),
        pytest.param(b'{"it": 37', "not JSON", id="cut off"),
        pytest.param(b'{"it": "\xff"}', "not JSON", id="not UTF-8"),
        pytest.param('{"it": 37}'.encode("utf-16"), "not JSON", id="UTF-16"),
        pytest.param(b'{"it":' * 20_000, "nested too deeply", id="deep"),
        pytest.param(b'{"it":' + b"[" * 20_000 + b"NaN", "nested too deeply", id="deep NaN"),
        pytest.param(b'{"it": ' + b"9" * 5_000 + b", NaN", "not JSON", id="many digits"),
        pytest.param(b" " * LARGEST + b"{}", "262146 bytes", id="too large"),
    ],
)
def test_what_cannot_be_read_is_poison_with_its_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(PoisonError, match=reason):
        codec().decode(payload)


@pytest.mark.parametrize("form", ["ms", "s", "iso8601"])
def test_a_stamp_that_is_nested_as_deeply_as_can_be_parsed_is_only_a_bad_stamp(form: str) -> None:
    reader = codec(mqtt=f'stamp = {{ path = "at", format = "{form}" }}')
    parsed = 0
    for depth in range(sys.getrecursionlimit()):
        payload = b'{"it": 1, "at": ' + b"[" * depth + b"1" + b"]" * depth + b"}"
        try:
            decoded = reader.decode(payload)
        except PoisonError:
            continue
        parsed = depth
        assert decoded.values == (1.0,)
    assert parsed > sys.getrecursionlimit() / 2


def test_a_profile_read_over_modbus_has_no_payloads() -> None:
    with pytest.raises(ValueError, match="does not speak over MQTT"):
        JsonCodec(find("sim-incubator"))


EVERYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
KEYS = ("time", "sequence", "level_mm", "temperature", "lid", "filling", "other")
FREEZER = find("sim-freezer")
FREEZER_CODEC = JsonCodec(FREEZER)


@given(st.dictionaries(st.sampled_from(KEYS), EVERYTHING))
def test_whatever_an_object_holds_it_becomes_a_scan(said: dict[str, object]) -> None:
    decoded = FREEZER_CODEC.decode(json.dumps(said).encode())
    scan = Scan(layout("tank", FREEZER), 0, 0, decoded.values, decoded.qualities)
    given_numbers = set(numbers_in(said))
    for reading in scan.readings():
        assert (reading.value is None) == (reading.quality in VALUELESS)
        if reading.value is not None and reading.quantity != "state":
            assert reading.value in given_numbers, "no value that was not said"


def numbers_in(said: object) -> list[float]:
    """All finite numbers somewhere in ``said``."""
    if isinstance(said, dict):
        return [number for value in said.values() for number in numbers_in(value)]
    if isinstance(said, list):
        return [number for value in said for number in numbers_in(value)]
    is_number = isinstance(said, int | float) and not isinstance(said, bool)
    return [said] if is_number and isfinite(said) else []  # type: ignore[arg-type, list-item] # so


@given(st.binary(max_size=200))
def test_whatever_bytes_come_they_are_read_or_poison(payload: bytes) -> None:
    try:
        decoded = FREEZER_CODEC.decode(payload)
    except PoisonError:
        return
    assert isinstance(json.loads(payload), dict)
    assert len(decoded.values) == len(FREEZER.channels)
