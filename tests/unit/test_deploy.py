"""What puts culturewatch onto a machine: units, the first site, the compose file."""

import configparser
import re
from pathlib import Path

import pytest
import typer

from culturewatch.cli import app
from culturewatch.site_file import SiteFile
from devices import document

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def service(path: Path) -> configparser.SectionProxy:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign] # systemd's keys have capitals
    unit.read_string(path.read_text(encoding="utf-8"))
    return unit["Service"]


def test_there_are_units() -> None:
    assert {path.name for path in UNITS} >= {
        "culturewatch.service",
        "culturewatch-watchdog.service",
    }


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_runs_a_command_that_exists_and_never_as_root(path: Path) -> None:
    unit = service(path)
    command = re.fullmatch(r"/opt/culturewatch/bin/culturewatch (\w+)( .*)?", unit["ExecStart"])
    assert command
    assert command[1] in typer.main.get_command(app).commands  # type: ignore[attr-defined] # a group
    assert unit["User"] == "culturewatch"
    assert unit["NoNewPrivileges"] == "yes"
    assert unit["CapabilityBoundingSet"] == ""
    assert unit["ProtectSystem"] == "strict"


@pytest.mark.parametrize("name", ["culturewatch.service", "culturewatch-watchdog.service"])
def test_what_watches_is_started_again_for_ever(name: str) -> None:
    text = (DEPLOY / "systemd" / name).read_text(encoding="utf-8")
    assert "Restart=always" in text
    assert text.index("StartLimitIntervalSec=0") < text.index("[Service]")


def test_the_unit_reads_its_files_again_after_they_were_checked() -> None:
    text = (DEPLOY / "systemd" / "culturewatch.service").read_text(encoding="utf-8")
    check, hang_up = re.findall(r"^ExecReload=(.*)$", text, re.MULTILINE)
    site = "/etc/culturewatch/site.toml"
    assert check == f"/opt/culturewatch/bin/culturewatch check {site}"
    assert hang_up == '/usr/bin/pkill -HUP --parent $MAINPID --full "culturewatch.bound core"'


def test_a_backup_is_made_each_night_where_its_unit_may_write() -> None:
    unit = service(DEPLOY / "systemd" / "culturewatch-backup.service")
    words = unit["ExecStart"].split()
    assert unit["ReadWritePaths"] == words[words.index("--out") + 1]
    assert "--unattended" in words
    timer = (DEPLOY / "systemd" / "culturewatch-backup.timer").read_text(encoding="utf-8")
    assert "OnCalendar=*-*-* " in timer
    assert "Persistent=true" in timer


def test_the_first_site_keeps_its_data_where_the_unit_may_write() -> None:
    site = document.read(DEPLOY / "first-site.toml", SiteFile)
    assert site.site.data == "/var/lib/culturewatch"
    assert service(DEPLOY / "systemd" / "culturewatch.service")["StateDirectory"] == "culturewatch"
    assert site.console.host == "127.0.0.1"


def test_no_secret_has_a_default() -> None:
    compose = (DEPLOY.parent / "docker-compose.yml").read_text(encoding="utf-8")
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|TOKEN)\w*)(:\?)?", compose)
    assert secrets
    assert all(demanded for _, demanded in secrets)


def test_every_image_is_pinned_by_its_digest() -> None:
    compose = (DEPLOY.parent / "docker-compose.yml").read_text(encoding="utf-8")
    recipe = (DEPLOY.parent / "Dockerfile").read_text(encoding="utf-8")
    images = re.findall(r"^ +image: (\S+)", compose, re.MULTILINE) + re.findall(
        r"^FROM (\S+)", recipe, re.MULTILINE
    )
    assert len(images) >= 6  # four services, and the recipe's two steps
    unpinned = [one for one in images if not re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", one)]
    assert unpinned == []
