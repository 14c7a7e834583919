"""The configuration that docker-compose.yml mounts, read by the program it is for."""

import os
import queue
import shutil
import socket
import subprocess
import threading
from asyncio import to_thread
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from collector.errors import LinkError
from collector.mqtt import MqttCollector
from collector.mqtt_link import Link
from collector.mqtt_settings import BrokerSettings, TlsFiles
from tests.integration.mqtt_peers import (
    clock,
    freezer,
    journal_in,
    message,
    running,
    scans,
    subscriptions,
    until,
)
from tests.services import LOOPBACK, Service, find_mosquitto, free_port

pytestmark = pytest.mark.mosquitto

DEPLOY = Path(__file__).parents[2] / "deploy"
PASSWORDS = {
    "culturewatch": "reads everything",
    "health": "asks for the uptime",
    "ln2a": "one freezer",
    "ln2b": "another freezer",
}
SOON_S = 4.0


class ComposedMosquitto(Service):
    """The broker of the compose file, at this test's address and in this test's folder."""

    def __init__(self, mosquitto: Path, folder: Path) -> None:
        self.port = free_port()
        self.secrets = folder / "secrets"
        bash = shutil.which("bash")
        assert bash
        subprocess.run(  # noqa: S603 # ours
            [bash, DEPLOY / "certificates", self.secrets, "broker.lab.example", "192.0.2.7"],
            check=True,
            capture_output=True,
        )
        shutil.copy(DEPLOY / "mosquitto.acl", self.secrets / "acl")
        (self.secrets / "acl").chmod(0o600)
        (self.secrets / "passwd").touch(mode=0o600)
        hasher = mosquitto.parent.parent / "bin" / "mosquitto_passwd"
        for user, password in PASSWORDS.items():
            subprocess.run(  # noqa: S603 # put together here
                [hasher, "-b", self.secrets / "passwd", user, password],
                check=True,
                capture_output=True,
            )
        text = (DEPLOY / "mosquitto.conf").read_text(encoding="utf-8")
        for theirs, ours in (
            ("listener 8883\n", f"listener {self.port} {LOOPBACK}\n"),
            ("/mosquitto/secrets/", f"{self.secrets}/"),
            ("/mosquitto/data/", f"{folder}/"),
        ):
            assert theirs in text
            text = text.replace(theirs, ours)
        if os.geteuid() == 0:
            # Otherwise it becomes its own user, who may not write into a test's folder.
            text += "user root\n"
        (folder / "mosquitto.conf").write_text(text)
        super().__init__([mosquitto, "-c", folder / "mosquitto.conf"], folder)

    def is_serving(self) -> bool:
        """Whether a connection is accepted."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=5):
                return True
        except OSError:
            return False

    def hears(self, user: str, topic: str) -> bool:
        """Whether something comes under a topic, for that user."""
        heard = queue.SimpleQueue[str]()
        client = self._client(user)
        client.on_message = lambda _client, _data, message: heard.put(message.topic)
        with self._connected(client), suppress(queue.Empty):
            client.subscribe(topic, qos=1)
            return heard.get(timeout=SOON_S) == topic
        return False

    def takes(self, user: str, topic: str, payload: bytes) -> bool:
        """Whether the broker lets that user publish there."""
        said = queue.SimpleQueue[bool]()
        client = self._client(user)
        client.on_publish = lambda _client, _data, _number, reason, _more: said.put(
            not reason.is_failure
        )
        with self._connected(client):
            client.publish(topic, payload, qos=1)
            return said.get(timeout=SOON_S)

    def _client(self, user: str) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.username_pw_set(user, PASSWORDS[user])
        client.tls_set(ca_certs=str(self.secrets / "ca.pem"))
        return client

    @contextmanager
    def _connected(self, client: Client) -> Iterator[None]:
        entered = threading.Event()
        client.on_connect = lambda _client, _data, _flags, _reason, _more: entered.set()
        client.connect(LOOPBACK, self.port)
        client.loop_start()
        try:
            assert entered.wait(SOON_S)
            yield
        finally:
            client.disconnect()
            client.loop_stop()

    def settings(self, user: str = "culturewatch", **other: str) -> BrokerSettings:
        """How culturewatch connects as that user."""
        return BrokerSettings(
            id="lab",
            host=other.get("host", LOOPBACK),
            port=self.port,
            client_id="culturewatch-lab",
            username=user,
            password=other.get("password", PASSWORDS.get(user, "")),
            protocol="5",
            tls=TlsFiles(ca=self.secrets / "ca.pem"),
        )


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedMosquitto]:
    server = ComposedMosquitto(find_mosquitto(), tmp_path_factory.mktemp("composed"))
    server.start()
    yield server
    server.stop()


async def test_each_device_is_heard_under_its_own_name_alone(
    broker: ComposedMosquitto, tmp_path: Path
) -> None:
    async with journal_in(tmp_path) as journal:
        topics = subscriptions(freezer(), "ln2a", "ln2b")
        # As lab/NAME/…: a device's user is its name.
        topics = {f"{topic}/state": one for topic, one in topics.items()}
        collector = MqttCollector(broker.settings(), topics, journal, clock())
        async with running(collector):
            await until(lambda: collector.stats.connected)
            # What pretends to be the other one never arrives.
            assert not await to_thread(broker.takes, "ln2b", "lab/ln2a/state", message(7))
            assert not await to_thread(broker.takes, "culturewatch", "lab/ln2a/state", message(8))
            assert not await to_thread(broker.takes, "culturewatch", "lab/culturewatch/x", b"9")
            assert await to_thread(broker.takes, "ln2a", "lab/ln2a/state", message(1))
            assert await to_thread(broker.takes, "ln2b", "lab/ln2b/state", message(2))
            await until(lambda: collector.stats.stored == 2)
    assert [scan.device for scan in scans(tmp_path)] == ["ln2a", "ln2b"]
    assert collector.stats.stored == 2


async def test_nobody_enters_without_a_name_or_under_a_wrong_one(
    broker: ComposedMosquitto,
) -> None:
    for user, password in (("", ""), ("culturewatch", "guessed"), ("stranger", "anything")):
        with pytest.raises(LinkError, match="username, password"):
            async with Link(
                broker.settings(user, password=password), lambda _link, _message: None, lambda: 0
            ):
                pass


def test_devices_read_nothing_and_the_health_check_its_own_topic_alone(
    broker: ComposedMosquitto,
) -> None:
    assert broker.hears("health", "$SYS/broker/uptime")
    assert not broker.hears("health", "$SYS/broker/version")
    for user in ("ln2b", "culturewatch"):
        assert not broker.hears(user, "$SYS/broker/uptime")
    assert not broker.takes("health", "lab/health/x", b"1")


def test_what_does_not_speak_tls_is_not_answered(broker: ComposedMosquitto) -> None:
    with socket.create_connection((LOOPBACK, broker.port), timeout=10) as plain:
        # CONNECT of MQTT 3.1.1 (3.1), client "a": a broker without TLS would answer 20 02 00 0x.
        plain.sendall(bytes.fromhex("100d00044d5154540402003c000161"))
        answer = b""
        with suppress(ConnectionResetError):
            answer = plain.recv(64)
    assert not answer.startswith(b"\x20")


def test_renewing_keeps_the_authority_and_names_every_address(broker: ComposedMosquitto) -> None:
    authority = (broker.secrets / "ca.pem").read_bytes()
    before = (broker.secrets / "broker.pem").read_bytes()
    bash, openssl = shutil.which("bash"), shutil.which("openssl")
    assert bash
    assert openssl
    subprocess.run(  # noqa: S603 # ours
        [bash, DEPLOY / "certificates", broker.secrets, "broker.lab.example", "192.0.2.7"],
        check=True,
        capture_output=True,
    )
    assert (broker.secrets / "ca.pem").read_bytes() == authority
    assert (broker.secrets / "broker.pem").read_bytes() != before
    told = subprocess.run(  # noqa: S603 # Debian's
        [openssl, "x509", "-noout", "-ext", "subjectAltName", "-in", broker.secrets / "broker.pem"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    names = {one.strip() for one in told.splitlines()[1].split(",")}
    assert names == {
        *("DNS:localhost", "DNS:mosquitto", "DNS:broker.lab.example"),
        *("IP Address:127.0.0.1", "IP Address:192.0.2.7"),
    }
    for name in ("broker.key", "ca.key"):
        assert (broker.secrets / name).stat().st_mode & 0o077 == 0
