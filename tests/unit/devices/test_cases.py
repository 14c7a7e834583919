"""Every case under ``tests/cases``: words from a manual or a recording, and what they mean."""

import re
import tomllib
from pathlib import Path

import pytest

from devices import catalog
from devices.codec import Decoder
from devices.plan import Block, plan
from devices.quality import Quality
from devices.units import STORED_UNIT

CASES = [
    path
    for path in sorted((Path(__file__).parents[2] / "cases").glob("*/*.toml"))
    if "words" in tomllib.loads(path.read_text(encoding="utf-8"))
]
"""The cases of Modbus; those of other transports have no words."""
PLACE = re.compile(r"(holding|input|coil|discrete) (0x[0-9A-Fa-f]+|\d+)")


def cells_of(case: dict[str, dict[str, list[str]]]) -> dict[tuple[str, int], str]:
    """Words (and bits) by table and address."""
    cells: dict[tuple[str, int], str] = {}
    for place, words in case["words"].items():
        found = PLACE.fullmatch(place)
        assert found, f"{place!r} is no place"
        for offset, word in enumerate(words):
            cells[found[1], int(found[2], 0) + offset] = word
    return cells


def payload(block: Block, cells: dict[tuple[str, int], str]) -> bytes:
    """What a device that holds ``cells`` answers; what nobody wrote down is FFFF."""
    held = [cells.get((block.table, block.address + i)) for i in range(block.count)]
    if block.table in {"coil", "discrete"}:
        bits = "".join(reversed([bit or "1" for bit in held]))
        return int(bits, 2).to_bytes((block.count + 7) // 8, "little")
    return bytes.fromhex("".join(word or "FFFF" for word in held))


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_words_mean_what_the_manual_says(path: Path) -> None:
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    profile = catalog.find(case["profile"])
    blocks = plan(profile).blocks
    cells = cells_of(case)
    values, qualities = Decoder(profile, blocks).decode([payload(b, cells) for b in blocks])
    meant = {
        channel.key: f"{value} {STORED_UNIT[channel.quantity]}"
        if code == Quality.GOOD
        else Quality(code).word
        for channel, value, code in zip(profile.channels, values, qualities, strict=True)
    }
    assert meant == case["expected"]


def test_there_are_cases() -> None:
    assert len(CASES) >= 8
