"""The figures of a plan, against those worked out by hand from the register maps."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from culturewatch.cli import app

# Characters, 11 bits each, that one cycle takes on a serial line. A read is 8 characters asked, 5
# and the data answered, and two silences of 3.5.
INCUBATOR = (8 + 5 + 2 * 7 + 7) + (8 + 5 + 1 + 7)
"""Input registers 0x10 to 0x16 in one read, the bit of the door in another."""
GMP251 = (8 + 5 + 2 * 6 + 7) + (8 + 5 + 2 * 5 + 7)
"""Holding registers 0 to 5, which are two floats and the two between them; 0x800 to 0x804."""
HMP = (8 + 5 + 2 * 4 + 7) + (8 + 5 + 2 * 5 + 7)
"""Holding registers 0 to 3, and 0x200 to 0x204."""

EXAMPLE = Path(__file__).parents[3] / "examples" / "site.toml"


@pytest.fixture(scope="module")
def planned() -> dict[str, object]:
    said = CliRunner().invoke(app, ["check", str(EXAMPLE), "--json"])
    assert said.exit_code == 0
    found: dict[str, object] = json.loads(said.stdout)
    return found


@pytest.mark.parametrize(
    ("device", "requests", "registers", "bus_s"),
    [
        pytest.param("inc1", 2, 8, INCUBATOR * 11 / 9600, id="simulated incubator"),
        pytest.param("co2probe", 2, 11, GMP251 * 11 / 9600, id="GMP251"),
        pytest.param("rhprobe", 2, 9, HMP * 11 / 9600, id="HMP"),
        pytest.param("ln2a", 0, 0, 0.0, id="MQTT is not polled"),
    ],
)
def test_a_device_is_read_as_worked_out_by_hand(
    planned: dict[str, list[dict[str, object]]],
    device: str,
    requests: int,
    registers: int,
    bus_s: float,
) -> None:
    found = next(d for d in planned["devices"] if d["id"] == device)
    assert (found["requests"], found["registers"]) == (requests, registers)
    assert found["bus_s"] == pytest.approx(bus_s, abs=0.0005)


def test_requests_a_second_are_those_of_all_devices(planned: dict[str, float]) -> None:
    # Three incubators: 2 reads each second; two probes: 2 reads every 2 s.
    assert planned["requests_per_s"] == pytest.approx(3 * 2 / 1 + 2 * 2 / 2)


def test_what_nobody_watches_is_named(planned: dict[str, list[str]]) -> None:
    # By eye from examples/rules.d: no rule is on these, and every device has a silence rule.
    assert "inc1.relative_humidity" in planned["unwatched"]
    assert "room.fault" in planned["unwatched"]
    assert "inc1.temperature" not in planned["unwatched"]
    assert planned["unheard"] == []


def test_a_device_whose_silence_nobody_would_tell_is_named(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_bytes(EXAMPLE.read_bytes())
    rules = tmp_path / "rules.d"
    rules.mkdir()
    kept = (EXAMPLE.parent / "rules.d" / "incubators.toml").read_text(encoding="utf-8")
    (rules / "incubators.toml").write_text(kept, encoding="utf-8")
    said = CliRunner().invoke(app, ["check", str(tmp_path / "site.toml")])
    assert said.exit_code == 0
    silent = [line for line in said.stdout.splitlines() if "no silence rule" in line]
    assert [line.split(":")[0] for line in silent] == [
        "! co2probe",
        "! rhprobe",
        "! ln2a",
        "! ln2b",
        "! room",
    ]


WOKEN = 'channels = ["webhook"]\naddresses = { webhook = "https://hook.example/1" }'
HOOKED = """
[webhook]
secret = { env = "HOOK_SECRET" }
[console]
"""


@pytest.mark.parametrize(
    ("console", "links_to"),
    [
        ("", "http://127.0.0.1:8440"),
        ('host = "::1"', "http://[::1]:8440"),
        ('host = "0.0.0.0"\nbehind_proxy = true', "http://0.0.0.0:8440"),
        ('public_url = "http://localhost:8440/"', "http://localhost:8440"),
        ('host = "192.0.2.7"\nbehind_proxy = true', ""),
        ('public_url = "https://monitor.lab.example"', ""),
    ],
)
def test_links_that_no_phone_can_open_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, console: str, links_to: str
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    text = EXAMPLE.read_text(encoding="utf-8").partition("[console]")[0]
    (tmp_path / "site.toml").write_text(
        text.replace('channels = ["inbox"]', WOKEN) + HOOKED + console, encoding="utf-8"
    )
    (tmp_path / "rules.d").symlink_to(EXAMPLE.parent / "rules.d")
    said = CliRunner().invoke(app, ["check", str(tmp_path / "site.toml"), "--json"])
    assert said.exit_code == 0, said.output
    assert json.loads(said.stdout)["links_to"] == links_to
    plain = CliRunner().invoke(app, ["check", str(tmp_path / "site.toml")])
    assert ("set console.public_url" in plain.stdout) == bool(links_to)


def test_pages_that_stay_here_may_link_to_here(planned: dict[str, str]) -> None:
    assert planned["links_to"] == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://lab.example/?site=1",
        "https://lab.example/#x",
        "https://me:pass@lab.example",
        "https://lab.example:99999",
        "https://[::1",
        r"https://lab.example/\r\nBcc: all",
        "https://lab .example",
    ],
)
def test_an_address_that_no_link_can_be_made_of_is_refused(tmp_path: Path, url: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").partition("[console]")[0]
    (tmp_path / "site.toml").write_text(
        f'{text}\n[console]\npublic_url = "{url}"\n', encoding="utf-8"
    )
    (tmp_path / "rules.d").symlink_to(EXAMPLE.parent / "rules.d")
    said = CliRunner().invoke(app, ["check", str(tmp_path / "site.toml")])
    assert said.exit_code == 2
    assert "console.public_url" in said.stderr


def test_a_plan_fits_a_terminal_of_80_columns() -> None:
    said = CliRunner().invoke(app, ["check", str(EXAMPLE)])
    table = said.stdout.splitlines()[:10]
    assert all(len(line) <= 80 for line in table)
    assert "…" not in said.stdout
    assert "127.0.0.1:15024 unit 241" in said.stdout


def test_an_address_is_shown_whole_however_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(EXAMPLE.parent, tmp_path / "site")
    site = tmp_path / "site" / "site.toml"
    topic = "building-7/floor-2/cryo-room/freezers/ln2a/telemetry"
    site.write_text(site.read_text().replace("lab/cryo/ln2a", topic))
    monkeypatch.setenv("COLUMNS", "80")
    said = CliRunner().invoke(app, ["check", str(site)])
    assert said.exit_code == 0
    assert "…" not in said.stdout
    assert topic in "".join(said.stdout.split())


def test_a_site_that_nobody_would_miss_is_told_so(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    text = EXAMPLE.read_text(encoding="utf-8")
    shutil.copytree(EXAMPLE.parent / "rules.d", tmp_path / "rules.d")
    warning = "no [beat]: if this machine or its network dies, nobody is told"
    for more, warned in (("", True), ('\n[beat]\nurl = "https://hc.example/ping/1"\n', False)):
        site.write_text(text + more, encoding="utf-8")
        said = CliRunner().invoke(app, ["check", str(site)])
        assert said.exit_code == 0
        assert (warning in said.stdout) is warned


ALL_SETS = """default_rules = ["incubators", "ln2-freezers", "probes", "room-oxygen", "system"]
"""


def with_defaults(folder: Path, *own: str) -> Path:
    """The example site with the default rules in force, and these files of its own rules."""
    text = EXAMPLE.read_text(encoding="utf-8")
    site = folder / "site.toml"
    site.write_text(text.replace('rules = "rules.d"', ALL_SETS + 'rules = "rules.d"'), "utf-8")
    (folder / "rules.d").mkdir()
    for name in own:
        kept = (EXAMPLE.parent / "rules.d" / name).read_text(encoding="utf-8")
        (folder / "rules.d" / name).write_text(kept, encoding="utf-8")
    return site


def planned_for(site: Path) -> dict[str, Any]:
    said = CliRunner().invoke(app, ["check", str(site), "--json"])
    assert said.exit_code == 0, said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_with_default_rules_nothing_is_unwatched_and_no_rule_of_its_own_is_needed(
    tmp_path: Path,
) -> None:
    planned = planned_for(with_defaults(tmp_path))
    assert (planned["unwatched"], planned["unheard"]) == ([], [])
    assert planned["defaults"]["ln2a.filling"] == [
        "ln2a-fill-too-often",
        "ln2a-fill-too-long",
        "ln2a-filling-silent",
    ]


def test_the_site_s_own_rule_is_not_named_as_a_default(tmp_path: Path) -> None:
    planned = planned_for(with_defaults(tmp_path, "incubators.toml"))
    of_door = planned["defaults"]["inc1.door"]
    # By eye: examples/rules.d/incubators.toml has {device}-door-open, and no rule on the others.
    assert "inc1-door-open" not in of_door
    assert "inc1-door-too-often" in of_door


def test_which_default_rules_apply_is_printed_a_line_a_channel(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["check", str(with_defaults(tmp_path))])
    assert "default rules of inc1.sterilisation: sterilisation-overrun" in said.stdout.splitlines()


def test_a_device_may_follow_another_set_than_its_profile_s(tmp_path: Path) -> None:
    site = with_defaults(tmp_path)
    text = site.read_text(encoding="utf-8")
    old = 'profile = "vaisala-hmp"'
    text = text.replace(old, f'{old}\ndefault_rules = "refrigerators"')
    site.write_text(text.replace('"probes", ', '"probes", "refrigerators", '), encoding="utf-8")
    planned = planned_for(site)
    assert "rhprobe-temperature-high" in planned["defaults"]["rhprobe.temperature"]
    assert "rhprobe.healthy" in planned["unwatched"]
