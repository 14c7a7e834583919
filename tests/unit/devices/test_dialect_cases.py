"""Every case of an MQTT dialect under ``tests/cases``: what the wire says, and what it means."""

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
