"""What other tests rely on: the services start, stop and keep what they were given."""

import queue
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.services import (
    InfluxServer,
    MosquittoFactory,
    MosquittoServer,
)

SOON_S = 10.0


@contextmanager
def connected(broker: MosquittoServer, name: str) -> Iterator[Client]:
    """A client with a session that the broker keeps while it is away."""
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=name,
        clean_session=False,
    )
    client.user_data_set(queue.SimpleQueue())
    client.on_message = keep
    client.connect(broker.host, broker.port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def keep(_: Client, heard: "queue.SimpleQueue[bytes]", message: MQTTMessage) -> None:
    heard.put(bytes(message.payload))


def subscribe(broker: MosquittoServer) -> None:
    with connected(broker, "collector") as client:
        answered: queue.SimpleQueue[object] = queue.SimpleQueue()
        client.on_subscribe = lambda *_: answered.put(client)
        client.subscribe("lab/#", qos=1)
        answered.get(timeout=SOON_S)


def publish(broker: MosquittoServer, *payloads: bytes) -> None:
    with connected(broker, "freezer") as client:
        for payload in payloads:
            client.publish("lab/freezer", payload, qos=1).wait_for_publish(SOON_S)


def heard(broker: MosquittoServer, count: int) -> list[bytes]:
    with connected(broker, "collector") as client:
        messages: queue.SimpleQueue[bytes] = client.user_data_get()
        return [messages.get(timeout=SOON_S) for _ in range(count)]


@pytest.mark.mosquitto
def test_a_broker_keeps_messages_for_who_is_away_over_a_restart(mosquitto: MosquittoServer) -> None:
    subscribe(mosquitto)
    publish(mosquitto, b"1", b"2")
    mosquitto.stop()
    assert not mosquitto.is_serving()
    mosquitto.start()
    assert heard(mosquitto, 2) == [b"1", b"2"]


@pytest.mark.mosquitto
def test_a_broker_drops_what_exceeds_the_limit_it_was_given(
    mosquitto_with: MosquittoFactory,
) -> None:
    broker = mosquitto_with(max_queued_messages=2, max_inflight=1)
    subscribe(broker)
    publish(broker, b"1", b"2", b"3", b"4", b"5")
    with connected(broker, "collector") as client:
        messages: queue.SimpleQueue[bytes] = client.user_data_get()
        kept = [messages.get(timeout=SOON_S), messages.get(timeout=SOON_S)]
        publish(broker, b"now")
        assert [*kept, messages.get(timeout=SOON_S)] == [b"1", b"2", b"now"]


@pytest.mark.influx
def test_an_influxdb_keeps_its_buckets_over_a_restart(own_influx: InfluxServer) -> None:
    bucket = own_influx.new_bucket()
    own_influx.stop()
    assert not own_influx.is_serving()
    own_influx.start()
    with own_influx.client() as client:
        assert client.buckets_api().find_bucket_by_name(bucket) is not None
