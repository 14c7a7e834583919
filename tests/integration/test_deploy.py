"""The configuration that docker-compose.yml mounts, read by the program it is for."""

import os
import queue
import shutil
import subprocess
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.services import MosquittoServer

DEPLOY = Path(__file__).parents[2] / "deploy"
SOON_S = 10.0
USER, PASSWORD = "health", "a-password-of-the-test"


@pytest.mark.mosquitto
def test_the_broker_of_the_compose_file_starts_and_knows_its_users(
    mosquitto: MosquittoServer,
) -> None:
    as_composed(mosquitto)
    heard: queue.SimpleQueue[object] = queue.SimpleQueue()
    assert refused(mosquitto)

    def keep(_: Client, __: object, message: MQTTMessage) -> None:
        heard.put(message.topic)

    client = Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(USER, PASSWORD)
    client.on_message = keep
    client.connect(mosquitto.host, mosquitto.port)
    # What the health check of the compose file asks for.
    client.subscribe("$SYS/broker/uptime")
    client.loop_start()
    try:
        assert heard.get(timeout=SOON_S) == "$SYS/broker/uptime"
    finally:
        client.disconnect()
        client.loop_stop()


def as_composed(mosquitto: MosquittoServer) -> None:
    """Start the broker anew as the compose file does, at this test's address and folder."""
    mosquitto.stop()
    folder = mosquitto.log.parent
    passwords = folder / "passwd"
    maker = shutil.which("mosquitto_passwd")
    assert maker, "mosquitto_passwd comes with Mosquitto"
    subprocess.run([maker, "-b", "-c", passwords, USER, PASSWORD], check=True)  # noqa: S603
    text = (DEPLOY / "mosquitto.conf").read_text(encoding="utf-8")
    for theirs, ours in (
        ("listener 1883\n", f"listener {mosquitto.port} {mosquitto.host}\n"),
        ("/mosquitto/config/passwd", str(passwords)),
        ("/mosquitto/data/", f"{folder}/"),
    ):
        assert theirs in text
        text = text.replace(theirs, ours)
    if os.geteuid() == 0:
        text += "user root\n"
    (folder / "mosquitto.conf").write_text(text)
    mosquitto.start()


def refused(mosquitto: MosquittoServer) -> bool:
    """Whether a client without a name is turned away."""
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda _client, _data, _flags, reason, _more: answers.put(reason.is_failure)
    client.connect(mosquitto.host, mosquitto.port)
    client.loop_start()
    try:
        return answers.get(timeout=SOON_S)
    finally:
        client.disconnect()
        client.loop_stop()
