"""The compose file and the site that it runs speak of the same things."""

import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from culturewatch.check import site_plan
from culturewatch.parts import influx_settings, rulebook
from culturewatch.site import Site, load

ROOT = Path(__file__).parents[3]
SECRETS = (
    "CULTUREWATCH_INFLUX_TOKEN",
    "CULTUREWATCH_LEDGER_PASSWORD",
    "CULTUREWATCH_MQTT_PASSWORD",
)


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "a-secret-of-the-test")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """The site of the compose file, with the certificate that deploy/certificates would make."""
    shutil.copy(ROOT / "deploy" / "site.toml", tmp_path)
    shutil.copytree(ROOT / "deploy" / "rules.d", tmp_path / "rules.d")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "ca.pem").write_text("a certificate")
    return load(tmp_path / "site.toml")


def compose() -> dict[str, Any]:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = msgspec.yaml.decode(text)
    return found


def test_the_site_names_services_that_are_there(site: Site) -> None:
    services = compose()["services"]
    influx = influx_settings(site)
    assert influx is not None
    assert influx.url == "http://influxdb:8086"
    assert set(services) == {
        *("influxdb", "mosquitto", "postgres", "grafana", "ledger", "culturewatch"),
    }
    assert [broker.host for broker in site.file.broker] == ["mosquitto"]
    declared = services["influxdb"]["environment"]
    assert declared["DOCKER_INFLUXDB_INIT_ORG"] == influx.org
    assert declared["DOCKER_INFLUXDB_INIT_BUCKET"] == influx.bucket
    assert str(site.data) in services["culturewatch"]["volumes"][1]


def test_the_site_is_watched_and_its_secrets_are_handed_in(site: Site) -> None:
    planned = site_plan(site, rulebook(site))
    assert planned.unheard == ()
    assert set(compose()["services"]["culturewatch"]["environment"]) == set(SECRETS)


def test_the_tables_are_made_before_by_their_owner_and_cells_do_not_wait_for_it(site: Site) -> None:
    services = compose()["services"]
    assert site.file.ledger is not None
    assert site.file.ledger.url == "postgresql+psycopg://culturewatch@postgres:5432/culturewatch"
    assert services["ledger"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["culturewatch"]["depends_on"]["ledger"]["required"] is False
    assert set(services["ledger"]["environment"]) == {*SECRETS, "OWNER_PASSWORD"}
    made = services["postgres"]["environment"]
    assert services["ledger"]["environment"]["OWNER_PASSWORD"] == made["OWNER_PASSWORD"]
    handed = services["culturewatch"]["environment"]["CULTUREWATCH_LEDGER_PASSWORD"]
    assert handed == made["WRITER_PASSWORD"]


def test_nothing_starts_with_a_default_password_or_beyond_loopback() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for line in text.splitlines():
        if re.search(r"(PASSWORD|TOKEN)\w*:", line):
            assert ":?" in line, line
    for service in compose()["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_grafana_reads_the_same_bucket(site: Site) -> None:
    path = ROOT / "dashboards" / "provisioning" / "datasources" / "culturewatch.yaml"
    source = msgspec.yaml.decode(path.read_text(encoding="utf-8"))["datasources"][0]
    influx = influx_settings(site)
    assert influx is not None
    assert (source["url"], source["jsonData"]["dbName"]) == (influx.url, influx.bucket)


def test_every_container_is_bounded_and_all_but_one_run_as_a_user_of_their_own() -> None:
    for name, service in compose()["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"mem_limit", "pids_limit", "logging"} <= set(service), name
        if "image" in service:
            # A version, down to the patch level, and its bytes: never whatever is newest.
            pinned = r":\d+\.\d+(\.\d+)?(-\w+)?@sha256:[0-9a-f]{64}$"
            assert re.search(pinned, service["image"]), name
            assert "healthcheck" in service, name
        assert service.get("read_only") or name == "influxdb", name
        assert "build" in service or "user" in service or name == "influxdb", name
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "\nUSER culturewatch\n" in image


def test_the_broker_speaks_tls_alone_and_keeps_its_secrets_to_itself(site: Site) -> None:
    conf = (ROOT / "deploy" / "mosquitto.conf").read_text(encoding="utf-8")
    assert re.findall(r"^listener (.*)$", conf, re.MULTILINE) == ["8883"]
    assert "allow_anonymous false" in conf
    (broker,) = site.file.broker
    assert broker.tls is not None
    assert (broker.port, broker.tls.ca) == (8883, "secrets/ca.pem")
    # A device publishes below its own name (deploy/mosquitto.acl).
    for device in site.file.device:
        assert device.topic.startswith(f"lab/{device.id}/")
    for volume in compose()["services"]["culturewatch"]["volumes"]:
        source = volume if isinstance(volume, str) else volume["source"]
        assert "secrets" not in source or source.endswith("/ca.pem")


def test_what_is_mounted_is_there_or_nothing_starts() -> None:
    for service in compose()["services"].values():
        for volume in service.get("volumes", ()):
            if isinstance(volume, str):
                source = volume.partition(":")[0]
                assert not source.startswith("./") or (ROOT / source).exists(), volume
            else:
                assert volume["bind"] == {"create_host_path": False}, volume


def test_no_secret_gets_into_the_image() -> None:
    kept_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {".env", "deploy/secrets"} <= set(kept_out)
