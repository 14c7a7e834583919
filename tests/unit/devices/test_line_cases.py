"""Every case of devices that answer in text: what they say, and what it means."""

import tomllib
from importlib import resources
from pathlib import Path

import pytest

from devices import catalog
from devices.json_codec import JsonCodec
from devices.line_codec import LineCodec
from devices.profile import Profile
from devices.quality import Quality
from devices.units import STORED_UNIT

FOLDER = Path(__file__).parents[2] / "cases"
CASES = [
    (path, case)
    for path in sorted(FOLDER.glob("*/*.toml"))
    if {"answers", "body"} & (case := tomllib.loads(path.read_text(encoding="utf-8"))).keys()
]
TOLD = [
    name
    for entry in (resources.files("devices") / "profiles").iterdir()
    if entry.name.endswith(".toml")
    if (profile := catalog.find(name := entry.name.removesuffix(".toml"))).line or profile.http
]


@pytest.mark.parametrize(
    "case", [case for _, case in CASES], ids=[f"{p.parent.name}-{p.stem}" for p, _ in CASES]
)
def test_what_is_said_means_what_the_manual_says(case: dict[str, object]) -> None:
    profile = catalog.find(str(case["profile"]))
    values, qualities = decoded(profile, case)
    meant = {
        channel.key: f"{value} {STORED_UNIT[channel.quantity]}"
        if code == Quality.GOOD
        else Quality(code).word
        for channel, value, code in zip(profile.channels, values, qualities, strict=True)
    }
    assert meant == case["expected"]


def decoded(profile: Profile, case: dict[str, object]) -> tuple[tuple[float | None, ...], bytes]:
    if profile.http is not None:
        found = JsonCodec(profile).decode(str(case["body"]).encode(), is_whole=False)
        return found.values, found.qualities
    answers = case["answers"]
    assert isinstance(answers, dict)
    codec = LineCodec(profile)
    assert set(answers) <= {*codec.questions, ""}
    return codec.decode(answers)


@pytest.mark.parametrize("name", TOLD)
def test_a_model_has_cases_and_every_channel_is_seen_with_and_without_a_value(name: str) -> None:
    expected = [case["expected"] for path, case in CASES if path.parent.name == name]
    for channel in catalog.find(name).channels:
        seen = {str(each[channel.key])[0].isalpha() for each in expected}
        assert seen == {True, False}, channel.key
