"""Every case of an MQTT dialect under ``tests/cases``: what the wire says, and what it means."""

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices import catalog
from devices.decoded import Decoded, PoisonError
from devices.dialects.packed import PackedCodec
from devices.dialects.reader import reader
from devices.profile import Profile, layout
from devices.quality import VALUELESS, Quality

FOLDER = Path(__file__).parents[2] / "cases"


def cases(kind: str) -> list[Path]:
    """Those with a key ``kind``."""
    paths = sorted(FOLDER.glob("*/*.toml"))
    return [path for path in paths if kind in tomllib.loads(path.read_text(encoding="utf-8"))]


BYTES, PAYLOADS = cases("bytes"), cases("payload")
LORAWAN = sorted({path.parent.name for path in BYTES})


def shown(profile: Profile, decoded: Decoded) -> dict[str, str | bool]:
    """As the expected table of a case is written."""
    found: dict[str, str | bool] = {}
    if decoded.stamp is not None:
        at = datetime.fromtimestamp(decoded.stamp / 1000, UTC).isoformat(timespec="milliseconds")
        found["at"] = at.replace("+00:00", "Z")
    if decoded.sequence is not None:
        found["sequence"] = str(decoded.sequence)
    found |= {mark: True for mark in ("past", "gone", "test") if getattr(decoded, mark)}
    numbers = range(len(profile.channels)) if decoded.said is None else decoded.said
    for number, value, code in zip(numbers, decoded.values, decoded.qualities, strict=True):
        channel, quality = profile.channels[number], Quality(code)
        said = f"{value} {channel.stored.unit}" if quality is Quality.GOOD else quality.word
        found[channel.key] = said
    return found


def read(path: Path) -> tuple[dict[str, Any], Profile]:
    """A case and its profile."""
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    return case, catalog.find(case["profile"])


@pytest.mark.parametrize("path", BYTES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_bytes_mean_what_the_maker_says(path: Path) -> None:
    case, profile = read(path)
    said = PackedCodec(profile).decode(bytes.fromhex(case["bytes"]), case.get("port", 85))
    assert [shown(profile, one) for one in said] == case["expected"]


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_messages_mean_what_their_system_says(path: Path) -> None:
    case, profile = read(path)
    said = reader(case["address"], profile).read(case["on"], case["payload"].strip().encode())
    assert [shown(profile, one) for one in said] == case["expected"]


@pytest.mark.parametrize("name", LORAWAN)
@settings(max_examples=30)
@given(data=st.binary(max_size=60), port=st.sampled_from([2, 85]))
def test_any_bytes_become_readings_or_are_refused(name: str, data: bytes, port: int) -> None:
    profile = catalog.find(name)
    try:
        said = PackedCodec(profile).decode(data, port)
    except PoisonError:
        return
    for one in said:
        assert one.said is not None
        assert len(one.said) == len(one.values) == len(one.qualities)
        for value, code in zip(one.values, one.qualities, strict=True):
            assert (value is None) == (Quality(code) in VALUELESS)


def test_a_tag_that_is_not_known_ends_what_is_read_and_alone_is_refused() -> None:
    codec = PackedCodec(catalog.find("milesight-em500-pt100"))
    (said,) = codec.decode(bytes.fromhex("03671901 AABB00"), 85)
    assert said.values == (28.1,)
    with pytest.raises(PoisonError, match="the tag AABB is not in the profile"):
        codec.decode(bytes.fromhex("AABB00"), 85)
    with pytest.raises(PoisonError, match="the item 0367 is cut off"):
        codec.decode(bytes.fromhex("036719"), 85)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
SPEAKERS = {
    "lorawan": ("milesight-ts201", "application/1/device/0011223344556677", "up"),
    "things": ("milesight-ts201", "v3/lab@t/devices/probe", "up"),
    "zigbee2mqtt": ("zigbee2mqtt-climate", "zigbee2mqtt/Fridge", ""),
    "availability": ("zigbee2mqtt-climate", "zigbee2mqtt/Fridge", "availability"),
    "shelly": ("shelly-plus-ht", "shelly", "rpc"),
    "tasmota": ("tasmota-ds18b20", "tele/board#01131B123456", "SENSOR"),
    "plain": ("generic-json", "lab/probe", ""),
}
KEYS = (
    *("time", "fCnt", "fPort", "data", "uplink_message", "received_at", "simulated", "last_seen"),
    *("state", "method", "params", "Time", "TempUnit", "DS18B20", "temperature", "door"),
)


@pytest.mark.long
@pytest.mark.parametrize("speaker", SPEAKERS)
@settings(max_examples=100)
@given(document=st.dictionaries(st.sampled_from(KEYS), ANYTHING, min_size=1, max_size=6))
def test_any_object_becomes_readings_or_is_refused(
    speaker: str, document: dict[str, object]
) -> None:
    name, address, tail = SPEAKERS[speaker]
    read_one = reader(address, catalog.find(name)).read
    try:
        said = read_one(tail, json.dumps(document).encode())
    except PoisonError:
        return
    for one in said:
        for value, code in zip(one.values, one.qualities, strict=True):
            assert (value is None) == (Quality(code) in VALUELESS)


@pytest.mark.parametrize("method", ["{}", "[]", "[[1]]", "7", "null"])
def test_a_shelly_that_says_nonsense_for_a_method_says_nothing(method: str) -> None:
    read_one = reader("shelly", catalog.find("shelly-plus-ht")).read
    assert read_one("rpc", f'{{"method": {method}, "params": {{}}}}'.encode()) == ()


def test_a_payload_longer_than_radio_carries_is_refused() -> None:
    # LoRaWAN regional parameters: N is 242 at the most. Tagged items fill it: 60 of 4 bytes.
    codec = PackedCodec(catalog.find("milesight-em500-pt100"))
    assert len(codec.decode(bytes.fromhex("03671901") * 60, 85)) == 1
    with pytest.raises(PoisonError, match="244 bytes; the most that LoRaWAN carries is 242"):
        codec.decode(bytes.fromhex("03671901") * 61, 85)


def test_there_are_cases_and_their_channels_exist() -> None:
    assert len(BYTES) >= 30
    for path in [*BYTES, *PAYLOADS]:
        case, profile = read(path)
        keys = set(layout("it", profile).keys) | {"at", "sequence", "past", "gone", "test"}
        assert all(set(one) <= keys for one in case["expected"])
