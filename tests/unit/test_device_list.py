"""docs/devices.md says what the profiles and cases say."""

import re
from importlib import resources
from pathlib import Path

from culturewatch.probe import known_guesses
from devices import catalog
from devices.units import STORED_UNIT, stored
from tools.device_list import CASES, NOT_LISTED, PAGE, page


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


def test_a_template_names_no_maker_and_is_never_taken_for_a_device() -> None:
    names = {name for name in catalog.names() if catalog.find(name).is_template}
    assert names == {"generic-json", "generic-modbus", "generic-sparkplug"}
    assert not names & {guess.name for guess in known_guesses()}


def test_a_copy_of_a_template_is_a_device_though_its_maker_is_not_filled_in(tmp_path: Path) -> None:
    shipped = resources.files("devices") / "profiles" / "generic-modbus.toml"
    (tmp_path / "generic-modbus.toml").write_text(shipped.read_text(encoding="utf-8"))
    assert "generic-modbus" in {guess.name for guess in known_guesses(tmp_path)}


def test_the_guide_names_every_quantity_with_its_units() -> None:
    guide = (PAGE.parent / "writing-a-profile.md").read_text(encoding="utf-8")
    row = next(line for line in guide.splitlines() if line.startswith("| `quantity`"))
    for part in row.split("|")[2].split(";"):
        for quantity in re.findall(r"\b[a-z_]+\b(?=[^`]* in )", part.partition("`")[0]):
            if quantity in STORED_UNIT:
                for unit in re.findall(r"`([^`]+)`", part):
                    assert stored(quantity, unit)
    assert all(quantity in row for quantity in STORED_UNIT)
