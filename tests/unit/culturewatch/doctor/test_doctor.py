"""What the doctor finds in files and on the machine, and what each finding endangers."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from culturewatch.check import site_plan
from culturewatch.cli import app
from culturewatch.doctor import machine
from culturewatch.doctor.declared import declared, queues
from culturewatch.doctor.finding import Finding
from culturewatch.parts import rulebook
from culturewatch.site import Site, load
from tests.integration.laboratory import lay_out


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return lay_out(tmp_path)


def edited(site: Site, *changes: tuple[str, str]) -> Site:
    text = site.path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    site.path.write_text(text, encoding="utf-8")
    return load(site.path)


def found(site: Site) -> dict[str, list[Finding]]:
    book = rulebook(site)
    by_area: dict[str, list[Finding]] = {}
    for finding in declared(site, book, site_plan(site, book)):
        by_area.setdefault(finding.area, []).append(finding)
    return by_area


def test_every_finding_says_what_to_do_and_dangers_what_they_endanger(site: Site) -> None:
    findings = [finding for several in found(site).values() for finding in several]
    assert all(finding.do for finding in findings)
    assert {finding.area for finding in findings if finding.is_danger} == {
        *("room", "ln2a"),
        "beat",
        "person oncall",
        "policy standard",
    }


def test_a_device_whose_silence_nobody_tells_is_a_danger(site: Site) -> None:
    (silent, *_) = [one for one in found(site)["room"] if one.is_danger]
    assert silent.endangers == "if it dies, nobody is told"


def test_channels_without_a_rule_are_named_and_no_danger(site: Site) -> None:
    (one,) = found(site)["inc1"]
    assert one.what.startswith("no rule watches carbon_dioxide, ")
    assert not one.is_danger


def test_unproven_addresses_are_named(site: Site) -> None:
    changed = edited(
        site,
        ('id = "rhprobe"\nprofile = "vaisala-hmp"', 'id = "rhprobe"\nprofile = "egnite-querx-th"'),
    )
    unproven = next(one for one in found(changed)["rhprobe"] if "not proven" in one.what)
    assert unproven.what.startswith("addresses are not proven: temperature, relative_humidity")
    assert unproven.is_danger


def test_a_device_that_takes_two_clients_is_told_and_a_third_endpoint_there_endangers(
    site: Site,
) -> None:
    comet = ('id = "rhprobe"\nprofile = "vaisala-hmp"', 'id = "rhprobe"\nprofile = "comet-t5640"')
    (one,) = [one for one in found(edited(site, comet))["rhprobe"] if "client" in one.what]
    # All three endpoints of the site are at 127.0.0.1, and it takes two connections.
    assert one.endangers == "some of its connections are refused"
    assert "3 endpoints of this site are at 127.0.0.1" in one.what


def test_who_is_told_on_this_machine_only_is_a_danger_where_they_are_paged(site: Site) -> None:
    changed = edited(
        site, ("[[policy]]", '[[person]]\nid = "idle"\nchannels = ["inbox"]\n\n[[policy]]')
    )
    people = found(changed)
    assert people["person oncall"][0].endangers.startswith("pages to them wait until somebody")
    assert "person idle" not in people


@pytest.mark.parametrize(
    ("host", "url", "danger"),
    [
        ("127.0.0.1", "", False),
        ("localhost", "", False),
        ("0.0.0.0", "http://lab:8440", True),  # noqa: S104 # what is warned of
        ("0.0.0.0", "https://lab", False),  # noqa: S104
    ],
)
def test_a_console_that_others_reach_without_tls_is_a_danger(
    site: Site, host: str, url: str, *, danger: bool
) -> None:
    console = f'[console]\nhost = "{host}"\npublic_url = "{url}"\nbehind_proxy = true'
    changed = edited(site, ("[console]", console))
    said = [one for one in found(changed).get("console", []) if "without TLS" in one.what]
    assert bool(said) is danger


def test_a_password_that_goes_over_the_network_in_the_clear_is_a_danger(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "not shown")
    login = 'id = "hall"\nusername = "lab"\npassword = { env = "BROKER_PASSWORD" }'
    here = edited(site, ('id = "hall"', login))
    assert "broker hall" not in found(here)
    port = here.file.broker[0].port
    (one,) = found(
        edited(
            here,
            (f'host = "127.0.0.1"\nport = {port}', f'host = "10.1.2.3"\nport = {port}'),
        )
    )["broker hall"]
    assert one.what == "its password goes to 10.1.2.3 without TLS"
    assert one.is_danger


def test_a_queue_is_weighed_against_rate_and_outage(site: Site) -> None:
    # Two devices, a message each 2 s: one a second, 3,600 in an hour.
    assert list(queues(site, 900, {})) == []
    (unknown,) = queues(site, 3600, {})
    assert "come to 3600 in 1 h; how many it keeps was not said" in unknown.what
    (short,) = queues(site, 3600, {"hall": 1000})
    assert "it keeps 1000" in short.what
    assert list(queues(site, 3600, {"hall": 3600})) == []
    assert list(queues(site, 1e9, {"hall": 0})) == []


def test_a_slow_disk_and_a_full_one_are_dangers(tmp_path: Path) -> None:
    assert list(machine.speed(4.0, 90.0)) == []
    (slow,) = machine.speed(80.0, 200.0)
    assert "a write takes 80 ms" in slow.what
    short = [one for one in machine.space(tmp_path, 10**18) if "may grow" in one.what]
    assert short[0].is_danger
    assert not [one for one in machine.space(tmp_path, 0) if "may grow" in one.what]


def test_a_write_takes_time_and_leaves_nothing(tmp_path: Path) -> None:
    median_ms, late_ms = machine.sync_ms(tmp_path, times=5)
    assert 0 < median_ms <= late_ms
    assert os.listdir(tmp_path) == []  # noqa: PTH208 # hidden ones too


def test_the_kernel_is_asked_for_its_clock_and_nothing_is_set() -> None:
    error_us = machine.clock_error_us()
    said = list(machine.clock())
    assert (error_us is not None and 0 <= error_us <= 500_000) == (not said)


def test_looking_makes_no_folder_and_no_ledger(site: Site) -> None:
    outcome = CliRunner().invoke(app, ["doctor", str(site.path)])
    assert "- ledger: there is none yet" in outcome.stdout
    assert not site.data.exists()


def test_the_command_prints_dangers_first_and_exits_1(site: Site) -> None:
    site.data.mkdir()
    outcome = CliRunner().invoke(app, ["doctor", str(site.path), "--queue", "hall=0"])
    assert outcome.exit_code == 1
    lines = outcome.stdout.splitlines()
    assert lines[0].startswith("! ")
    # Nobody listens on the broker's port.
    assert any(line.startswith("! broker hall: 127.0.0.1:") for line in lines)
    assert any(line.startswith("! ledger: it knows no people") for line in lines)
    marks = [line[0] for line in lines if line[0] in "!-"]
    assert marks == sorted(marks)


def test_wrong_use_is_told(site: Site) -> None:
    for wrong in (["--queue", "hall"], ["--outage", "soon"]):
        outcome = CliRunner().invoke(app, ["doctor", str(site.path), *wrong])
        assert outcome.exit_code == 2
