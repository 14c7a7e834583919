"""What a Modbus profile may say, and that the shipped ones can be read."""

from importlib import resources

import pytest

from devices import catalog, document
from devices.codec import Decoder
from devices.plan import plan
from devices.profile import Profile, layout

MODBUS = [
    profile
    for entry in (resources.files("devices") / "profiles").iterdir()
    if entry.name.endswith(".toml")
    if (profile := catalog.find(entry.name.removesuffix(".toml"))).modbus
]
TEXT = """
model = "M"
maker = "m"
manual = "x"
period = "1s"
[modbus]
{modbus}
[[channels]]
key = "t"
quantity = "temperature"
unit = "degC"
resolution = {resolution}
range = [0, 1]
source = {{ via = "modbus", table = "input", address = 0, type = "{kind}"{source} }}
"""


def parse(modbus: str = "", kind: str = "u16", source: str = "", resolution: str = "1") -> Profile:
    text = TEXT.format(modbus=modbus, kind=kind, source=source, resolution=resolution)
    return document.parse(text, Profile, name="m.toml")


@pytest.mark.parametrize("profile", MODBUS, ids=lambda profile: profile.model)
def test_a_shipped_profile_can_be_planned_and_decoded(profile: Profile) -> None:
    blocks = plan(profile).blocks
    values, qualities = Decoder(profile, blocks).decode([bytes(block.size) for block in blocks])
    assert len(values) == len(qualities) == len(profile.channels)


@pytest.mark.parametrize(
    ("modbus", "words"),
    [
        ("unit = 256", "unit is 256; allowed: 0 to 255"),
        ("span = 126", "span is 126; allowed: 1 to 125"),
        ("bits = 2001", "bits is 2001; allowed: 1 to 2000"),
        ('timeout = "0s"', "timeout 0s leaves no time to answer"),
        ("window = 0", "window is 0; allowed: 1 to 16"),
        ("forbidden = [[9, 3]]", "forbidden range 9 to 3 is empty"),
    ],
)
def test_what_modbus_does_not_allow_is_refused_with_its_place(modbus: str, words: str) -> None:
    with pytest.raises(document.DocumentError, match=rf"m\.toml:6: modbus: {words}"):
        parse(modbus)


@pytest.mark.parametrize(
    ("kind", "source", "words"),
    [
        ("u16", ", scale = 0.0", "scale 0.0 makes every value the same"),
        ("u16", ", scale = nan", "scale nan makes every value the same"),
        ("f32", ", mask = 1", "mask 1 picks no bits of a f32"),
        ("u16", ", mask = 0", "mask 0 picks no bits of a u16"),
        ("u16", ", mask = 0x10000", "mask 65536 picks no bits of a u16"),
        ("i32", ", mask = 0x100000000", "mask 4294967296 picks no bits of a i32"),
    ],
)
def test_a_register_that_can_tell_nothing_is_refused(kind: str, source: str, words: str) -> None:
    with pytest.raises(document.DocumentError, match=words):
        parse(kind=kind, source=source)


def test_a_resolution_of_nothing_is_refused() -> None:
    with pytest.raises(document.DocumentError, match=r"resolution 0\.0 is not above 0"):
        parse(resolution="0")


def test_a_layout_has_the_channels_of_its_profile_in_order() -> None:
    found = layout("inc1", catalog.find("sim-incubator"))
    assert found.channels[:2] == ("inc1.temperature", "inc1.carbon_dioxide")
    assert found.quantities[-2:] == ("state", "state")
