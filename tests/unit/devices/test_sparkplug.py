"""Sparkplug payloads, held against bytes by hand and against the makers of protocol buffers."""

import struct
from math import isnan, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.decoded import PoisonError
from devices.dialects.sparkplug import MOST_METRICS, Metric, parse, rebirth_request
from devices.dialects.wire import WireError, fields
from devices.meaning import MISSING
from tests.sparkplug_messages import (
    BOOLEAN,
    CLASSES,
    DATETIME,
    DOUBLE,
    FLOAT,
    INT8,
    INT16,
    INT32,
    INT64,
    STRING,
    UINT8,
    UINT32,
    UINT64,
    metric,
    payload,
)

NOON = 1_772_366_400_000
BY_HAND = bytes.fromhex(
    "08 80 94 94 ca ca 33"  # timestamp (1) varint: 1772366400000
    "12 10"  # a metric (2), 16 bytes
    "0a 01 54"  # name (1): T
    "10 07"  # alias (2): 7
    "20 0a"  # datatype (4): 10, Double
    "69 00 00 00 00 00 80 68 c0"  # double (13): -196.0
    "18 05"  # seq (3): 5
)


def test_a_payload_written_by_hand_is_read() -> None:
    found = parse(BY_HAND)
    assert (found.at, found.seq, len(found.metrics)) == (NOON, 5, 1)
    (one,) = found.metrics
    assert (one.name, one.alias, one.datatype) == ("T", 7, DOUBLE)
    assert one.value(DOUBLE) == -196.0


def test_the_makers_of_protocol_buffers_write_the_same_bytes() -> None:
    said = metric("T", alias=7, datatype=DOUBLE, double_value=-196.0)
    assert payload([said], at=NOON, seq=5) == BY_HAND


def test_the_request_for_a_rebirth_is_what_they_read() -> None:
    read = CLASSES["Payload"].FromString(rebirth_request(NOON))
    (one,) = read.metrics
    assert (read.timestamp, one.name, one.timestamp) == (NOON, "Node Control/Rebirth", NOON)
    assert (one.datatype, one.boolean_value) == (BOOLEAN, True)


@pytest.mark.parametrize(
    ("datatype", "value", "expected"),
    [
        pytest.param(INT8, {"int_value": 0xFFFFFF9C}, -100, id="Int8 in 32 bits"),
        pytest.param(INT8, {"int_value": 0x9C}, -100, id="Int8 in 8 bits"),
        pytest.param(INT16, {"int_value": 0xF858}, -1960, id="Int16"),
        pytest.param(INT32, {"int_value": 0xFFFFFFFF}, -1, id="Int32"),
        pytest.param(INT64, {"long_value": 2**64 - 5}, -5, id="Int64"),
        pytest.param(UINT8, {"int_value": 200}, 200, id="UInt8"),
        pytest.param(UINT32, {"int_value": 2**32 - 1}, 2**32 - 1, id="UInt32"),
        pytest.param(UINT32, {"long_value": 2**32 - 1}, 2**32 - 1, id="UInt32 as a long"),
        pytest.param(UINT64, {"long_value": 2**63}, 2**63, id="UInt64"),
        pytest.param(DATETIME, {"long_value": NOON}, NOON, id="DateTime"),
        pytest.param(FLOAT, {"float_value": 37.5}, 37.5, id="Float"),
        pytest.param(DOUBLE, {"double_value": 37.1}, 37.1, id="Double"),
        pytest.param(BOOLEAN, {"boolean_value": True}, True, id="Boolean"),
        pytest.param(BOOLEAN, {"boolean_value": False}, False, id="Boolean false"),
        pytest.param(STRING, {"string_value": "open"}, "open", id="String"),
        pytest.param(DOUBLE, {"is_null": True}, None, id="null"),
        pytest.param(DOUBLE, {}, None, id="no value at all"),
        pytest.param(DOUBLE, {"int_value": 37}, None, id="a whole number for a Double"),
        pytest.param(INT32, {"double_value": 37.0}, None, id="a Double for a whole number"),
        pytest.param(BOOLEAN, {"int_value": 1}, None, id="a number for a Boolean"),
        pytest.param(INT32, {"boolean_value": True}, None, id="a Boolean for a number"),
        pytest.param(0, {"int_value": 37}, None, id="of no type"),
        pytest.param(16, {"bytes_value": b"x"}, None, id="a data set"),
    ],
)
def test_a_value_is_read_as_the_type_of_its_birth(
    datatype: int, value: dict[str, Any], expected: object
) -> None:
    (one,) = parse(payload([metric("m", **value)])).metrics
    assert one.value(datatype) == expected


@pytest.mark.parametrize(
    ("quality", "expected"),
    [(192, 4.5), (0, None), (500, MISSING), (None, 4.5)],
)
def test_the_property_quality_says_whether_a_value_counts(
    quality: int | None, expected: object
) -> None:
    (one,) = parse(payload([metric("m", quality=quality, double_value=4.5)])).metrics
    assert one.value(DOUBLE) == expected


def test_nan_stays_nan_for_whoever_judges_it() -> None:
    (one,) = parse(payload([metric("m", double_value=nan)])).metrics
    value = one.value(DOUBLE)
    assert isinstance(value, float)
    assert isnan(value)


@given(st.binary(max_size=120))
def test_any_bytes_are_a_payload_or_refused(data: bytes) -> None:
    try:
        found = parse(data)
    except PoisonError:
        return
    for one in found.metrics:
        for datatype in range(20):
            one.value(datatype)


@given(
    at=st.integers(0, 2**64 - 1),
    seq=st.integers(0, 2**64 - 1),
    name=st.text(max_size=8),
    alias=st.integers(0, 2**64 - 1),
    value=st.floats(width=32, allow_nan=False),
    historical=st.booleans(),
)
def test_what_the_makers_write_is_read_alike(
    at: int, seq: int, name: str, alias: int, *, value: float, historical: bool
) -> None:
    made = metric(name, alias=alias, timestamp=at, float_value=value, is_historical=historical)
    found = parse(payload([made], at=at, seq=seq))
    (one,) = found.metrics
    assert (found.at, found.seq) == (at, seq)
    assert (one.name, one.alias, one.at, one.historical) == (name, alias, at, historical)
    assert one.value(FLOAT) == value


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\x08", "cut off"),
        (b"\x12\x05\x00", "cut off"),
        (b"\x69\x00", "cut off"),
        (b"\x08" + b"\xff" * 10, "more than ten bytes"),
        (b"\x0b", "wire type 3"),
        (b"\x00\x00", "without a number"),
    ],
)
def test_what_is_no_message_is_refused_with_why(data: bytes, told: str) -> None:
    with pytest.raises(WireError, match=told):
        list(fields(data))


def test_a_float_of_the_wrong_length_is_no_value() -> None:
    eight = struct.pack("<d", 1.0)
    assert Metric(kind=12, raw=eight).value(FLOAT) is None
    assert Metric(kind=13, raw=eight[:4]).value(DOUBLE) is None
    assert Metric(kind=13, raw=eight).value(DOUBLE) == 1.0


def test_of_two_values_in_one_metric_the_last_counts_as_its_makers_have_it() -> None:
    # A oneof on the wire: an int_value (10) of 1, then a double_value (13) of -196.0.
    both = bytes.fromhex("50 01 69 00 00 00 00 00 80 68 c0")
    assert CLASSES["Metric"].FromString(both).double_value == -196.0
    (one,) = parse(b"\x12" + bytes([len(both)]) + both).metrics
    assert one.value(DOUBLE) == -196.0


def test_a_payload_of_more_metrics_than_any_node_has_is_refused() -> None:
    assert len(parse(b"\x12\x00" * MOST_METRICS).metrics) == MOST_METRICS
    with pytest.raises(PoisonError, match="the most that are read are"):
        parse(b"\x12\x00" * (MOST_METRICS + 1))
