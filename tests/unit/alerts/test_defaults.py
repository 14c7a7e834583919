"""The shipped rules: complete, without contradiction, and where an installation finds them."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from msgspec.structs import replace

from alerts import defaults, rulebook
from alerts.channel import ChannelSpec
from alerts.policy import Policy, Step
from alerts.rehearse.reading import read
from alerts.rule import Rule
from culturewatch import itself, own_state
from devices import catalog
from devices.duration import Duration, parse

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "alerts" / "rules").glob("*.toml"))
STANDARD = Policy(id="standard", steps=(Step(after=Duration(0), to=("A",)),))
COLD = ("temperature", "door")
KEYS = {"freezers-80": COLD, "refrigerators": COLD}
"""What has no shipped profile, and what a site's own is to call its channels."""
WORKED_OUT = {"egnite-querx-th": ("dew_point", "temperature_from_kelvin")}
"""What a device works out from a channel that is watched."""
INPUTS = frozenset(
    {
        *(
            "advantech-adam-6015",
            "advantech-adam-6017",
            "advantech-adam-6018",
            "moxa-iologik-e1260",
        ),
        *("moxa-iologik-e1240", "moxa-iologik-e1242", "moxa-iologik-e1262"),
        *("vaisala-indigo520", "wago-750-461", "wago-750-464"),
        *("dragino-lht65n", "dragino-ltc2", "dragino-ltc2-lb", "milesight-ts301"),
        *("milesight-ts302", "generic-json", "generic-modbus", "generic-sparkplug"),
        *("binder-mk53", "thermo-isotemp-ult"),
    }
)
"""Profiles of inputs, which say nothing of what they are connected to; of a chamber for any
temperature; and of settings alone."""


def shipped_profiles() -> list[str]:
    return sorted(path.stem for path in (ROOT / "devices" / "profiles").glob("*.toml"))


def specs_of(profile: str, device: str) -> list[ChannelSpec]:
    found = catalog.find(profile)
    return [
        ChannelSpec(
            id=f"{device}.{channel.key}",
            quantity=channel.quantity,
            period_ms=60_000,
            resolution=channel.resolution * channel.stored.factor,
            range=(
                channel.stored.convert(channel.range[0]),
                channel.stored.convert(channel.range[1]),
            ),
        )
        for channel in found.channels
    ]


def plain(device: str, *keys: str) -> list[ChannelSpec]:
    return [
        ChannelSpec(
            id=f"{device}.{key}",
            quantity="state" if key in {"door", "lid", "filling"} else "temperature",
            period_ms=60_000,
            resolution=0.1,
        )
        for key in keys
    ]


def rules_of(name: str, specs: list[ChannelSpec]) -> dict[str, Rule]:
    device = specs[0].device
    placed = defaults.placed({device: name}, specs)
    book = rulebook.load([], channels=specs, policies=[STANDARD], defaults=placed)
    return {rule.id: rule for rule in book.rules}


def test_the_sets_are_those_of_the_equipment() -> None:
    assert defaults.names() == (
        *("freezers-80", "incubators", "ln2-freezers", "network", "probes", "radio-probes"),
        *("refrigerators", "room-oxygen", "site-power", "system"),
    )


@pytest.mark.parametrize("profile", shipped_profiles())
def test_every_channel_of_a_shipped_profile_is_watched_by_its_set(profile: str) -> None:
    name = catalog.find(profile).default_rules
    if not name:
        # Inputs for whatever is connected: `culturewatch check` names them until a rule is written.
        assert profile in INPUTS
        return
    specs = specs_of(profile, "dev")
    rules = rules_of(name, specs)
    unwatched = {spec.id for spec in specs} - {rule.channel for rule in rules.values()}
    assert unwatched == {f"dev.{key}" for key in WORKED_OUT.get(profile, ())}


@pytest.mark.parametrize(("name", "keys"), KEYS.items())
def test_cabinets_are_watched_by_the_names_that_a_site_is_to_use(
    name: str, keys: tuple[str, ...]
) -> None:
    rules = rules_of(name, plain("dev", *keys))
    assert {rule.channel for rule in rules.values()} == {f"dev.{key}" for key in keys}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_rule_finds_a_channel_and_says_why_it_is_there(path: Path) -> None:
    written = tomllib.loads(path.read_text(encoding="utf-8"))["rule"]
    profiles = [
        name for name in shipped_profiles() if catalog.find(name).default_rules == path.stem
    ]
    found: set[str] = set()
    for profile in profiles:
        found |= set(rules_of(path.stem, specs_of(profile, "dev")))
    if path.stem in KEYS:
        found |= set(rules_of(path.stem, plain("dev", *KEYS[path.stem])))
    if path.stem == "system":
        found |= set(rules_of(path.stem, list(own_state.channel_specs())))
    assert found == {rule["id"].replace("{device}", "dev") for rule in written}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_pages_comes_again_until_it_is_mended_if_it_is_grave(path: Path) -> None:
    for rule in tomllib.loads(path.read_text(encoding="utf-8"))["rule"]:
        if rule["severity"] in {"critical", "high"} and rule["kind"] != "count":
            assert rule.get("re_alarm"), rule["id"]
        assert ("policy" in rule) == (rule["severity"] != "advisory"), rule["id"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_kept_quiet_has_a_neighbour_that_is_not(path: Path) -> None:
    # A door, a lid or a cycle may hide an excursion for a while, never the graver one beside it.
    rules = tomllib.loads(path.read_text(encoding="utf-8"))["rule"]
    for rule in rules:
        if rule.get("suppress_by", "").endswith("-open") and rule["severity"] == "high":
            armed = [
                other
                for other in rules
                if other["channel"] == rule["channel"]
                and other["severity"] == "critical"
                and not other.get("suppress_by", "").endswith("-open")
            ]
            assert armed, rule["id"]


def test_every_channel_of_the_program_itself_is_watched() -> None:
    specs = list(own_state.channel_specs())
    watched = {rule.channel for rule in rules_of("system", specs).values()}
    assert watched == {spec.id for spec in specs}


def test_a_device_without_a_door_is_watched_without_its_grace() -> None:
    rules = rules_of("refrigerators", plain("fridge", "temperature"))
    assert "fridge-door-open" not in rules
    assert rules["fridge-temperature-high"].suppress_by is None
    assert rules["fridge-temperature-high"].suppress_cap is None
    with_door = rules_of("refrigerators", plain("fridge", "temperature", "door"))
    assert with_door["fridge-temperature-high"].suppress_by == "fridge-door-open"


def test_a_rule_of_the_site_takes_the_place_of_the_default_of_its_id(tmp_path: Path) -> None:
    specs = plain("fridge", "temperature", "door")
    own = tmp_path / "own.toml"
    own.write_text(
        """
        [[rule]]
        id = "{device}-temperature-high"
        channel = "fridge.temperature"
        kind = "high"
        limit = 6.0
        policy = "standard"
        cause = "Warm."
        consequence = "Spoilt."
        action = "Cool."
        respond_within = "1h"
        """,
        encoding="utf-8",
    )
    placed = defaults.placed({"fridge": "refrigerators"}, specs)
    book = rulebook.load([own], channels=specs, policies=[STANDARD], defaults=placed)
    limits = [rule.limit for rule in book.rules if rule.id == "fridge-temperature-high"]
    assert limits == [6.0]
    assert len(book.rules) == len(placed)


def test_a_default_that_does_not_fit_is_told_with_its_file_and_line() -> None:
    specs = [replace(spec, range=(-5.0, 10.0)) for spec in plain("fridge", "temperature")]
    placed = defaults.placed({"fridge": "refrigerators"}, specs)
    with pytest.raises(
        rulebook.RuleError, match=r"alerts/rules/refrigerators.toml:\d+: .*15"
    ) as told:
        rulebook.load([], channels=specs, policies=[STANDARD], defaults=placed)
    assert len(str(told.value).splitlines()) == 1


def test_defaults_without_the_policy_that_they_page_by_are_refused() -> None:
    specs = plain("fridge", "temperature")
    other = replace(STANDARD, id="night")
    placed = defaults.placed({"fridge": "refrigerators"}, specs)
    with pytest.raises(rulebook.RuleError, match="no policy is called 'standard'"):
        rulebook.load([], channels=specs, policies=[other], defaults=placed)


def test_a_set_that_there_is_not_is_refused() -> None:
    with pytest.raises(KeyError, match="fridges"):
        defaults.placed({"fridge": "fridges"}, plain("fridge", "temperature"))


def test_suppression_after_sterilisation_lasts_a_cycle_and_a_fifth() -> None:
    rules = rules_of("incubators", specs_of("sim-incubator", "inc1"))
    assert rules["inc1-temperature-high"].suppress_cap == parse("12h") * 1.2


def test_an_installed_wheel_brings_the_rules(tmp_path: Path) -> None:
    built = subprocess.run(  # noqa: S603 # the builder of the project
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert built.returncode == 0, built.stderr
    wheel = next(tmp_path.glob("*.whl"))
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(installed)
    code = "from alerts import defaults; print(defaults.__file__, *defaults.names())"
    said = subprocess.run(  # noqa: S603 # the text above
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    place, *names = said.stdout.split()
    assert Path(place).is_relative_to(installed)
    assert tuple(names) == defaults.names()


def test_a_device_behind_a_switch_is_explained_by_its_silence_and_by_nothing_without_one() -> None:
    switch, bench = specs_of("moxa-eds", "switch1"), specs_of("sim-incubator", "inc1")
    sets = {"inc1": "incubators", "switch1": "network"}
    both = defaults.placed(sets, [*switch, *bench], {"inc1": "switch1"})
    by_id = {one.rule.id: one.rule for one in both}
    assert by_id["inc1-silent"].inhibited_by == "switch1-silent"
    assert by_id["inc1-co2-silent"].inhibited_by == "inc1-silent"
    assert by_id["switch1-silent"].inhibited_by is None
    # The cause is told before what it explains, and is as grave.
    cause, silent = by_id["switch1-silent"], by_id["inc1-silent"]
    assert cause.on_delay < silent.on_delay
    assert cause.severity == "critical"
    alone = defaults.placed({"inc1": "incubators"}, bench, {"inc1": "switch1"})
    assert {one.rule.id: one.rule for one in alone}["inc1-silent"].inhibited_by is None


STORIES = {
    "97b-drill-not-answered": {itself.DEVICE: "system"},
    "87c-a-gap-in-the-rota": {itself.DEVICE: "system"},
    "43b-the-ups-runs-empty": {"ups1": "site-power"},
    "53b-a-switch-is-down": {"switch1": "network", "inc1": "incubators", "inc2": "incubators"},
}
PROFILES = {"ups1": "apc-smart-ups", "switch1": "moxa-eds"}


@pytest.mark.parametrize("story", STORIES)
def test_a_story_on_default_rules_runs_those_that_are_shipped(story: str) -> None:
    told = read(ROOT / "tests" / "stories" / f"{story}.toml")
    specs = list(own_state.channel_specs())
    for device in STORIES[story]:
        if device != itself.DEVICE:
            specs += specs_of(PROFILES.get(device, "sim-incubator"), device)
    behind = {device: "switch1" for device in STORIES[story] if device.startswith("inc")}
    shipped = {one.rule.id: one.rule for one in defaults.placed(STORIES[story], specs, behind)}
    of_devices = [rule for rule in told.rule if rule.channel.partition(".")[0] in STORIES[story]]
    # A story caps what may keep an alarm quiet; a shipped rule that nothing keeps quiet has no cap.
    uncapped = [
        rule if rule.suppress_by else replace(rule, suppress_cap=None) for rule in of_devices
    ]
    assert uncapped == [shipped[rule.id] for rule in of_devices]
    assert of_devices
