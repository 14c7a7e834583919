"""The doctor asks real servers: InfluxDB what a token may do, Mosquitto whether it lets us in."""

import asyncio
from pathlib import Path

import pytest
from influxdb_client.domain.permission import Permission
from influxdb_client.domain.permission_resource import PermissionResource

from culturewatch.doctor import servers
from culturewatch.site import Site, load
from tests.integration.influx_oracle import held
from tests.integration.laboratory import lay_out
from tests.services import Influx, MosquittoServer

INFLUX = """
[influx]
url = "{url}"
org = "{org}"
bucket = "{bucket}"
token = {{ env = "CULTUREWATCH_TEST_TOKEN" }}
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return lay_out(tmp_path)


def influx_findings(
    site: Site, influx: Influx, bucket: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, bool]]:
    monkeypatch.setenv("CULTUREWATCH_TEST_TOKEN", token)
    text = site.path.read_text(encoding="utf-8").partition("\n[influx]")[0]
    declared = INFLUX.format(url=influx.url, org=influx.org, bucket=bucket)
    site.path.write_text(text + declared, encoding="utf-8")
    found = asyncio.run(servers.influx(load(site.path)))
    assert all(token not in one.what for one in found)
    return [(one.what, one.is_danger) for one in found]


def token_for(influx: Influx, bucket: str, action: str) -> str:
    with influx.client() as client:
        org = client.organizations_api().find_organizations(org=influx.org)[0].id
        resource = PermissionResource(  # type: ignore[no-untyped-call] # the vendor has no types
            type="buckets", id=client.buckets_api().find_bucket_by_name(bucket).id, org_id=org
        )
        permission = Permission(action=action, resource=resource)  # type: ignore[no-untyped-call] # the vendor has no types
        made = client.authorizations_api().create_authorization(
            org_id=org, permissions=[permission]
        )
        return str(made.token)


@pytest.mark.influx
def test_what_a_token_may_do_is_found_out_without_a_point(
    site: Site, influx: Influx, monkeypatch: pytest.MonkeyPatch
) -> None:
    week, good = influx.new_bucket(keep_s=7 * 86_400), influx.new_bucket()

    def told(bucket: str, token: str = influx.token) -> list[tuple[str, bool]]:
        return influx_findings(site, influx, bucket, token, monkeypatch)

    assert told(good) == []
    assert told(week) == [(f"the bucket {week!r} forgets after 7d", False)]
    ((unseen, danger),) = told(week, token_for(influx, week, "write"))
    assert (unseen.startswith("the token may not see the bucket"), danger) == (True, False)
    for bucket, token, why in (
        ("absent", influx.token, "404"),
        (week, "wrong", "401"),
        (week, token_for(influx, week, "read"), "403"),
    ):
        ((what, danger),) = told(bucket, token)
        assert (why in what, danger) == (True, True)
    assert held(influx, week) == {}


@pytest.mark.mosquitto
def test_a_broker_that_lets_us_in_is_well(site: Site, mosquitto: MosquittoServer) -> None:
    text = site.path.read_text(encoding="utf-8")
    port = site.file.broker[0].port
    site.path.write_text(text.replace(f"port = {port}", f"port = {mosquitto.port}"))
    said = asyncio.run(servers.brokers(load(site.path)))
    assert [one.is_danger for one in said] == [False]
    mosquitto.stop()
    said = asyncio.run(servers.brokers(load(site.path)))
    assert [one.is_danger for one in said] == [True, False]
