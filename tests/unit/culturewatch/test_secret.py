"""Secrets are found where they are declared to be, and stand in nothing that is printed."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from culturewatch.cli import app
from culturewatch.parts import influx_settings
from culturewatch.secret import Secret, SecretError
from culturewatch.site import load

HIDDEN = "hunter2-and-more"
SITE = """
[site]
id = "lab"
name = "Laboratory"

[[endpoint]]
id = "bench"
host = "127.0.0.1"
port = 15099

[[device]]
id = "inc1"
profile = "sim-incubator"
endpoint = "bench"

[[person]]
id = "oncall"
channels = ["inbox"]

[[policy]]
id = "standard"
steps = [{ after = "0s", to = ["oncall"] }]

[influx]
url = "http://127.0.0.1:8086"
org = "lab"
bucket = "culturewatch"
token = { env = "CULTUREWATCH_TEST_TOKEN" }

[webhook]
secret = { file = "secrets/hook" }
"""
RULE = """
[[rule]]
id = "hot"
channel = "inc1.temperature"
kind = "high"
limit = 38
policy = "standard"
cause = "Heater stuck."
consequence = "Cells die."
action = "Move them."
respond_within = "20m"
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CULTUREWATCH_TEST_TOKEN", HIDDEN)
    for name, text in (
        ("site.toml", SITE),
        ("rules.d/bench.toml", RULE),
        ("secrets/hook", f"{HIDDEN}\n"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path / "site.toml"


def test_a_secret_is_had_from_the_environment_and_from_a_file(site: Path) -> None:
    loaded = load(site)
    assert loaded.file.influx is not None
    assert loaded.file.webhook is not None
    assert loaded.reveal(loaded.file.influx.token) == HIDDEN
    assert loaded.reveal(loaded.file.webhook.secret) == HIDDEN


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_plan_shows_no_secret(site: Path, options: list[str]) -> None:
    said = CliRunner().invoke(app, ["check", str(site), *options])
    assert said.exit_code == 0
    assert HIDDEN not in said.output


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_status_shows_no_secret(site: Path, options: list[str]) -> None:
    said = CliRunner().invoke(app, ["status", str(site), *options])
    assert said.output
    assert HIDDEN not in said.output


def test_a_loaded_site_shows_no_secret(site: Path) -> None:
    loaded = load(site)
    assert HIDDEN not in repr(loaded)
    assert HIDDEN not in repr(influx_settings(loaded))


def test_a_secret_that_is_no_text_is_not_shown_with_the_mistake(site: Path) -> None:
    (site.parent / "secrets/hook").write_bytes(b"hunter2-\xff")
    said = CliRunner().invoke(app, ["check", str(site)])
    assert said.exit_code == 2
    assert "secrets/hook: is not UTF-8 text" in said.stderr
    assert "hunter2" not in said.stderr


def test_a_token_that_cannot_be_sent_is_not_shown_with_the_mistake(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CULTUREWATCH_TEST_TOKEN", "hunter2\nX-Forged: 1")
    said = CliRunner().invoke(app, ["check", str(site)])
    assert said.exit_code == 2
    assert said.stderr.count("\n") == 1
    assert "influx token" in said.stderr
    assert "hunter2" not in said.stderr


def test_a_file_of_spaces_holds_no_secret(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text(" \n\t\n")
    with pytest.raises(SecretError, match="is empty"):
        Secret(file="hook").reveal(tmp_path)
