"""MQTT over TLS against a real Mosquitto: who the broker is, who we are, and what we may read."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.errors import LinkError
from collector.mqtt import MqttCollector
from collector.mqtt_link import Link
from collector.mqtt_settings import BrokerSettings, TlsFiles
from tests.integration.certificates import Authority
from tests.integration.guarded_broker import GuardedMosquitto
from tests.integration.mqtt_peers import (
    clock,
    journal_in,
    message,
    publish,
    running,
    scans,
    subscriptions,
    until,
)
from tests.integration.mqtt_peers import freezer as freezer_profile
from tests.services import LOOPBACK, find_mosquitto

pytestmark = pytest.mark.mosquitto

PASSWORD = "correct horse"  # noqa: S105 # of this test's own broker


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the certificates are."""
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    """Who signed the broker's certificate."""
    found = Authority(folder)
    found.issue("broker", host=LOOPBACK)
    return found


@pytest.fixture(scope="module")
def broker(
    authority: Authority, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GuardedMosquitto]:
    """A broker whose certificate is good."""
    assert authority.path.parent == folder
    server = GuardedMosquitto(
        find_mosquitto(), tmp_path_factory.mktemp("guarded"), folder, PASSWORD
    )
    server.start()
    yield server
    server.stop()


def by_password(
    broker: GuardedMosquitto,
    ca: Path | None,
    *,
    password: str = PASSWORD,
    protocol: str = "5",
    host: str = LOOPBACK,
    port: int = 0,
) -> BrokerSettings:
    return BrokerSettings(
        id="b",
        host=host,
        port=port or broker.user_port,
        client_id=f"culturewatch-{secrets.token_hex(4)}",
        username="reader",
        password=password,
        protocol="5" if protocol == "5" else "3.1.1",
        tls=TlsFiles(ca=ca),
    )


def by_certificate(
    broker: GuardedMosquitto, ca: Path, certificate: Path, key: Path, key_password: str = ""
) -> BrokerSettings:
    return BrokerSettings(
        id="b",
        host=LOOPBACK,
        port=broker.certificate_port,
        client_id=f"culturewatch-{secrets.token_hex(4)}",
        tls=TlsFiles(ca=ca, certificate=certificate, key=key, key_password=key_password),
    )


async def refusal(settings: BrokerSettings) -> str:
    """Why there is no connection."""
    with pytest.raises(LinkError) as caught:
        async with Link(settings, lambda _link, _message: None, lambda: 0):
            pass
    return str(caught.value)


async def read_one(settings: BrokerSettings, broker: GuardedMosquitto, tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        topics = subscriptions(freezer_profile(), "tank")
        collector = MqttCollector(settings, topics, journal, clock())
        async with running(collector):
            await until(lambda: collector.stats.connected)
            await publish(broker.host, broker.port, "lab/tank", [message(n) for n in range(20)])
            await until(lambda: collector.stats.stored == 20)
    assert [scan.values for scan in scans(tmp_path)] == [(412.0, -150.5, -190.25, 0.0, 0.0)] * 20


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_with_name_and_password_over_tls_what_may_be_read_is_read(
    broker: GuardedMosquitto, authority: Authority, tmp_path: Path, protocol: str
) -> None:
    await read_one(by_password(broker, authority.path, protocol=protocol), broker, tmp_path)


@pytest.mark.parametrize("secret", ["", "of the key"])
async def test_with_a_certificate_of_ones_own(
    broker: GuardedMosquitto, authority: Authority, tmp_path: Path, secret: str
) -> None:
    pair = authority.issue("culturewatch", password=secret.encode())
    await read_one(by_certificate(broker, authority.path, *pair, secret), broker, tmp_path)


async def test_a_topic_that_the_access_list_does_not_give_stays_silent(
    broker: GuardedMosquitto, authority: Authority, tmp_path: Path
) -> None:
    async with journal_in(tmp_path) as journal:
        topics = subscriptions(freezer_profile(), "tank", "other")
        topics["secret/other"] = topics.pop("lab/other")
        collector = MqttCollector(by_password(broker, authority.path), topics, journal, clock())
        async with running(collector):
            await until(lambda: collector.stats.connected)
            # Mosquitto grants the subscription and delivers nothing of it.
            await publish(broker.host, broker.port, "secret/other", [message(0)])
            await publish(broker.host, broker.port, "lab/tank", [message(1)])
            await until(lambda: collector.stats.stored == 1)
    assert [scan.device for scan in scans(tmp_path)] == ["tank"]


async def test_a_wrong_password_says_what_to_look_at(
    broker: GuardedMosquitto, authority: Authority
) -> None:
    told = await refusal(by_password(broker, authority.path, password=PASSWORD[:-1]))
    assert "check username, password" in told


async def test_an_authority_that_nobody_knows_is_refused(
    broker: GuardedMosquitto, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    assert stranger.path != authority.path
    for ca in (stranger.path, None):
        told = await refusal(by_password(broker, ca))
        assert told == (
            "its certificate is signed by nobody who is trusted; give the one who did as tls.ca"
        )


async def test_a_certificate_for_another_name_is_refused(
    broker: GuardedMosquitto, authority: Authority
) -> None:
    told = await refusal(by_password(broker, authority.path, host="localhost"))
    assert told == ("its certificate is not for localhost; write host as the certificate has it")


async def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "certificates").mkdir()
    (tmp_path / "broker").mkdir()
    authority = Authority(tmp_path / "certificates")
    authority.issue("broker", host=LOOPBACK, days=-1)
    server = GuardedMosquitto(
        find_mosquitto(), tmp_path / "broker", tmp_path / "certificates", PASSWORD
    )
    server.start()
    try:
        told = await refusal(by_password(server, authority.path))
    finally:
        server.stop()
    assert told == "its certificate has expired; renew it at the broker"


async def test_where_no_tls_is_spoken_it_is_said(
    broker: GuardedMosquitto, authority: Authority
) -> None:
    told = await refusal(by_password(broker, authority.path, port=broker.port))
    assert told.endswith("and speaks TLS at this port")


async def test_a_broker_that_asks_who_we_are_is_not_entered_without_a_certificate(
    broker: GuardedMosquitto, authority: Authority, tmp_path: Path
) -> None:
    nobody = by_password(broker, authority.path, port=broker.certificate_port)
    assert "tls.certificate" in await refusal(nobody)
    pair = Authority(tmp_path, "stranger").issue("impostor")
    impostor = by_certificate(broker, authority.path, *pair)
    assert "tls.certificate" in await refusal(impostor)


async def test_files_that_cannot_be_used_are_named(
    broker: GuardedMosquitto, authority: Authority, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("not a certificate")
    assert str(wrong) in await refusal(by_password(broker, wrong))
    certificate, key = authority.issue("locked", password=b"secret")
    for settings in (
        by_certificate(broker, authority.path, wrong, key),
        by_certificate(broker, authority.path, certificate, key, "guessed"),
        by_certificate(broker, authority.path, certificate, key),
    ):
        assert "tls.key_password is wrong" in await refusal(settings)
