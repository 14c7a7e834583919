"""``culturewatch probe mqtt://…`` against a real Mosquitto that keeps announcements."""

import json
import sys
import tomllib
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path

import msgspec
import pytest

from collector.errors import LinkError
from collector.mqtt_link import Link
from collector.mqtt_settings import BrokerSettings
from culturewatch.probe_mqtt import Heard, lines, listen, profile, settings
from culturewatch.probe_target import TargetError
from culturewatch.site import load
from devices import document
from devices.announcement import Transmitter
from devices.json_codec import JsonCodec
from devices.profile import Profile
from tests.integration.mqtt_peers import publisher, until
from tests.services import MosquittoServer
from tests.unit.devices.test_announcement import BEDROOM

pytestmark = pytest.mark.mosquitto

HEAD = """
[site]
id = "lab"
name = "Lab"
time_zone = "Europe/Vienna"
"""
DOOR = {
    "stat_t": "lab/door",
    "val_tpl": "{{ value_json.contact }}",
    "dev": {"mf": 'Acme "A"\n[[device]]', "mdl": "D\x07"},
    "exp_aft": 90,
}


async def announce(mosquitto: MosquittoServer, **others: bytes) -> None:
    said = {topic: json.dumps(one).encode() for topic, one in BEDROOM.items()}
    said["homeassistant/binary_sensor/lab/door/config"] = json.dumps(DOOR).encode()
    said |= {f"homeassistant/sensor/{name}/config": payload for name, payload in others.items()}
    with publisher(mosquitto.host, mosquitto.port) as device:
        for topic, one in said.items():
            device.send(topic, one, retain=True)
        await until(lambda: device.taken == len(said))


def broker(mosquitto: MosquittoServer) -> BrokerSettings:
    return settings(f"mqtt://{mosquitto.host}:{mosquitto.port}", "")


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_what_is_announced_becomes_profiles_that_read_the_messages(
    mosquitto: MosquittoServer, protocol: str
) -> None:
    await announce(mosquitto, bare=b'{"stat_t": "lab/bare"}')
    where = broker(mosquitto)
    modern = BrokerSettings(
        id="probe", host=where.host, port=where.port, client_id="p", protocol="5", lasting=False
    )
    heard = await listen(modern if protocol == "5" else where, quiet_s=0.3)
    room, door = heard.transmitters
    assert [one.topic for one in heard.unread] == ["homeassistant/sensor/bare/config"]

    found = document.parse("\n".join(profile(room)), Profile, name="room")
    # The common state payload of the same page.
    said = JsonCodec(found).decode(b'{ "temperature": 23.20, "humidity": 43.70 }')
    assert (said.values, said.qualities) == ((23.2, 43.7), bytes(2))
    assert found.verify
    lock = document.parse("\n".join(profile(door)), Profile, name="door")
    assert JsonCodec(lock).decode(b'{"contact": "ON"}').values == (1.0,)
    assert int(lock.period) == 30_000
    assert (lock.maker, lock.model) == ('Acme "A"?[[device]]', "D?")


async def test_the_lines_for_the_site_can_be_read_and_nothing_is_left_at_the_broker(
    mosquitto: MosquittoServer, tmp_path: Path
) -> None:
    await announce(mosquitto, odd=b"\xff")
    where = broker(mosquitto)
    heard = await listen(where, quiet_s=0.3)
    text = "\n".join(lines(heard, where))
    (tmp_path / "profiles").mkdir()
    for name, one in zip(
        ("homeassistant-sensor-sensorbedroom-state", "lab-door"), heard.transmitters, strict=True
    ):
        (tmp_path / "profiles" / f"{name}.toml").write_text("\n".join(profile(one)))
    declared = tmp_path / "site.toml"
    declared.write_text(f"{HEAD}\n{text[text.index('# for site.toml') :]}")
    assert [device.id for device in load(declared).devices] == [
        "homeassistant-sensor-sensorbedroom-state",
        "lab-door",
    ]
    site = tomllib.loads(text[text.index("# for site.toml") :])
    assert [one["topic"] for one in site["device"]] == [
        "homeassistant/sensor/sensorBedroom/state",
        "lab/door",
    ]
    assert {one["broker"] for one in site["device"]} == {site["broker"][0]["id"]}
    assert "# homeassistant/sensor/odd/config: not JSON" in text
    lasting = BrokerSettings(
        id="probe", host=where.host, port=where.port, client_id=where.client_id
    )
    async with Link(lasting, lambda _link, _message: None, lambda: 0) as link:
        assert not link.resumed


async def test_a_broker_where_nothing_is_announced_says_so(mosquitto: MosquittoServer) -> None:
    where = broker(mosquitto)
    heard = await listen(where, quiet_s=0.2)
    assert heard == Heard(broker=where.address, transmitters=(), unread=(), refused={})
    assert list(lines(heard, where)) == [
        f"# {where.address}: nothing is announced there that can be read"
    ]


async def test_a_broker_that_is_not_there_is_an_error() -> None:
    with pytest.raises(LinkError):
        await listen(settings("mqtt://127.0.0.1:1", ""), quiet_s=0.1)


@pytest.mark.parametrize(
    "typed", ["mqtt://", "mqtt://h:x", "mqtt://h/topic", "mqtt://h?x=1", "mqtts://u:geheim@h"]
)
def test_what_is_no_broker_is_refused_and_a_password_not_repeated(typed: str) -> None:
    with pytest.raises(TargetError) as caught:
        settings(typed, "")
    assert "geheim" not in str(caught.value)


def test_a_broker_with_tls_and_a_user_is_declared_so() -> None:
    where = settings("mqtts://lab@broker.example", "geheim")
    assert (where.port, where.username, where.tls is not None) == (8883, "lab", True)
    one = Transmitter(topic="a", maker="", model="", expires_s=0, channels=())
    heard = Heard(broker=where.address, transmitters=(one,), unread=(), refused={})
    text = "\n".join(lines(heard, where))
    assert 'password = { env = "MQTT_PASSWORD" }\ntls = {}' in text
    assert "geheim" not in text
    assert "geheim" not in repr(where)


async def test_the_command_prints_json_and_exits_1_without_anything(
    mosquitto: MosquittoServer, tmp_path: Path
) -> None:
    async def run(*words: str) -> tuple[int | None, bytes, bytes]:
        program = await create_subprocess_exec(
            sys.executable, "-m", "culturewatch", "probe", *words, stdout=PIPE, stderr=PIPE,
            cwd=tmp_path,
        )  # fmt: skip
        out, said = await program.communicate()
        return program.returncode, out, said

    url = f"mqtt://{mosquitto.host}:{mosquitto.port}"
    assert (await run(url))[0] == 1
    await announce(mosquitto)
    code, out, _ = await run(url, "--json")
    assert code == 0
    assert len(msgspec.json.decode(out, type=Heard).transmitters) == 2
    code, _, said = await run("mqtt://127.0.0.1:1")
    assert (code, b"Traceback" in said) == (1, False)
    assert said.startswith(b"culturewatch: 127.0.0.1:1: ")
