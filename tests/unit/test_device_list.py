"""docs/devices.md says what the profiles and cases say; the templates can be filled in."""

from importlib import resources
from pathlib import Path

import pytest

from devices import catalog
from devices.codec import Decoder
from devices.json_codec import JsonCodec
from devices.plan import plan
from devices.quality import Quality
from tools.device_list import CASES, NOT_LISTED, PAGE, page

TEMPLATES = Path(__file__).parents[2] / "examples" / "profiles"
GOOD, FAULT = Quality.GOOD, Quality.SENSOR_FAULT


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tools.device_list"


def test_what_has_no_profile_is_named_with_what_is_missing() -> None:
    text = page()
    for device, _, missing in NOT_LISTED:
        assert f"| {device} |" in text
        assert missing in text
    settings = next(line for line in text.splitlines() if "thermo-isotemp-ult" in line)
    assert "settings only, no temperature **unproven**" in settings


def test_every_case_belongs_to_a_profile() -> None:
    shipped = {entry.name for entry in (resources.files("devices") / "profiles").iterdir()}
    assert {f"{folder.name}.toml" for folder in CASES.iterdir()} <= shipped


@pytest.mark.parametrize(
    ("words", "values", "qualities"),
    [
        # 231 tenths; 5.0 is 40A00000, high word first; bit 0 of 0003 is set.
        ("00E7 FFFF 40A0 0000 0003", (23.1, 5.0, 1.0), (GOOD, GOOD, GOOD)),
        ("8000 FFFF 7FC0 0000 0002", (None, None, 0.0), (FAULT, FAULT, GOOD)),
    ],
)
def test_the_template_for_modbus_reads_what_it_says(
    words: str, values: tuple[float | None, ...], qualities: tuple[Quality, ...]
) -> None:
    profile = catalog.load(TEMPLATES / "generic-modbus.toml")
    blocks = plan(profile).blocks
    held = words.split()
    payloads = [
        bytes.fromhex("".join(held[block.address : block.address + block.count]))
        for block in blocks
    ]
    assert Decoder(profile, blocks).decode(payloads) == (values, bytes(qualities))


def test_the_template_for_json_reads_what_it_says() -> None:
    profile = catalog.load(TEMPLATES / "generic-json.toml")
    whole = b'{"time": "2026-03-01T05:30:00Z", "values": {"temperature": 4.5, "door": "open"}}'
    decoded = JsonCodec(profile).decode(whole)
    assert (decoded.values, decoded.qualities) == ((4.5, 1.0), bytes((GOOD, GOOD)))
    # 2026-03-01 05:30 UTC, by `date -u -d 2026-03-01T05:30:00Z +%s`.
    assert decoded.stamp == 1_772_343_000_000
    broken = b'{"time": "2026-03-01T05:30:00Z", "values": {"temperature": -127, "door": "closed"}}'
    decoded = JsonCodec(profile).decode(broken)
    assert (decoded.values, decoded.qualities) == ((None, 0.0), bytes((FAULT, GOOD)))
