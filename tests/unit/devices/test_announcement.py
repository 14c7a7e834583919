"""What is announced for Home Assistant; the announcements are those of its documentation."""

import json

import pytest

from devices.announcement import Announced, Unread, announced, json_path, transmitters

# Home Assistant, MQTT, discovery examples: sensors with several values at one topic.
BEDROOM = {
    "homeassistant/sensor/sensorBedroomT/config": {
        "device_class": "temperature",
        "name": "Temperature",
        "state_topic": "homeassistant/sensor/sensorBedroom/state",
        "unit_of_measurement": "°C",
        "value_template": "{{ value_json.temperature}}",
    },
    "homeassistant/sensor/sensorBedroomH/config": {
        "device_class": "humidity",
        "name": "Humidity",
        "state_topic": "homeassistant/sensor/sensorBedroom/state",
        "unit_of_measurement": "%",
        "value_template": "{{ value_json.humidity}}",
    },
}


def said(topic: str, announcement: object) -> Announced | Unread:
    return announced(topic, json.dumps(announcement).encode())


def read(**more: object) -> Announced:
    whole = BEDROOM["homeassistant/sensor/sensorBedroomT/config"] | more
    found = said("homeassistant/sensor/x/config", whole)
    assert isinstance(found, Announced), found
    return found


def test_two_announcements_at_one_topic_are_one_device_with_two_channels() -> None:
    found = [said(topic, one) for topic, one in BEDROOM.items()]
    (one,) = transmitters(each for each in found if isinstance(each, Announced))
    assert one.topic == "homeassistant/sensor/sensorBedroom/state"
    assert [(c.key, c.quantity, c.unit, c.path) for c in one.channels] == [
        ("temperature", "temperature", "degC", "temperature"),
        ("humidity", "relative_humidity", "%", "humidity"),
    ]


def test_abbreviations_and_a_base_topic_are_written_out() -> None:
    short = {"~": "lab/ln2", "stat_t": "~/state", "val_tpl": "{{ value_json['t'][0] | float }}"}
    short |= {"dev_cla": "temperature", "unit_of_meas": "K"}
    device = {"mf": "Acme", "mdl": "T1", "ids": ["7"]}
    found = said("homeassistant/sensor/node/x/config", {**short, "dev": device, "exp_aft": 90})
    assert isinstance(found, Announced)
    assert (found.topic, found.path, found.unit) == ("lab/ln2/state", "t.0", "K")
    assert (found.maker, found.model, found.expires_s) == ("Acme", "T1", 90)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("{{ value_json.temperature }}", "temperature"),
        ("{{value_json.a.b}}", "a.b"),
        ("{{ value_json['DS18B20-1'].Temperature | round(1) }}", "DS18B20-1.Temperature"),
        ('{{ value_json["probes"][2] | float(0) | round }}', "probes.2"),
        ("{{ value_json.t * 10 }}", ""),
        ("{{ value_json.t | multiply(10) }}", ""),
        ("{{ value_json.t if value_json.ok else 0 }}", ""),
        ("{{ value_json['a.b'] }}", ""),
        ("{{ value }}", ""),
        ("{{ value_json }}", ""),
        ("", ""),
    ],
)
def test_only_a_template_that_takes_a_value_out_is_understood(template: str, path: str) -> None:
    assert json_path(template) == path


def test_a_door_has_the_words_that_it_announces() -> None:
    door = {"state_topic": "lab/door", "value_template": "{{ value_json.contact }}"}
    found = said(
        "homeassistant/binary_sensor/d/config", {**door, "payload_on": False, "pl_off": True}
    )
    assert isinstance(found, Announced)
    assert (found.quantity, found.words) == ("state", {"true": 0, "false": 1})
    plain = said("homeassistant/binary_sensor/d/config", door)
    assert isinstance(plain, Announced)
    assert plain.words == {"OFF": 0, "ON": 1}


def test_absolute_zero_is_that_of_the_unit() -> None:
    assert read(unit_of_measurement="°F").range[0] == -459.67
    assert read(unit_of_measurement="K").range[0] == 0.0


@pytest.mark.parametrize(
    ("topic", "payload", "why"),
    [
        ("homeassistant/light/x/config", b"{}", "a light is not measured"),
        ("homeassistant/sensor/x/config", b"{", "not JSON"),
        ("homeassistant/sensor/x/config", b"[1]", "not a JSON object"),
        ("homeassistant/sensor/x/config", b"{}", "names no topic"),
        ("homeassistant/sensor/x/config", b'{"stat_t": "a/#"}', "names no topic"),
        ("homeassistant/sensor/x/config", b'{"stat_t": "a"}', "a bare value"),
        (
            "homeassistant/sensor/x/config",
            b'{"stat_t": "a", "val_tpl": "{{ 1 }}"}',
            "more than take",
        ),
        ("homeassistant/sensor/x/config", b'{"stat_t": 1, "~": 2, "dev": 3}', "names no topic"),
    ],
)
def test_what_cannot_be_read_is_left_with_the_reason(topic: str, payload: bytes, why: str) -> None:
    found = announced(topic, payload)
    assert isinstance(found, Unread)
    assert why in found.why


def test_a_unit_that_is_not_known_is_never_taken_for_another() -> None:
    whole = BEDROOM["homeassistant/sensor/sensorBedroomT/config"]
    found = said("homeassistant/sensor/x/config", whole | {"unit_of_measurement": "°R"})
    assert isinstance(found, Unread)
    assert "'temperature' in '°R' is not known" in found.why


def test_channels_of_one_name_are_told_apart_and_repeats_are_one() -> None:
    one = read(value_template="{{ value_json.a.t }}")
    other = read(value_template="{{ value_json['a-t'] }}")
    (found,) = transmitters([one, one, other])
    assert [(c.key, c.path) for c in found.channels] == [("a_t", "a.t"), ("a_t_2", "a-t")]


@pytest.mark.parametrize("expires", [0, -1, True, 10**20, "90", None])
def test_an_expiry_that_is_none_says_nothing_of_the_period(expires: object) -> None:
    short = {"stat_t": "t", "val_tpl": "{{ value_json.t }}", "dev_cla": "temperature"}
    found = said(
        "homeassistant/sensor/x/config", {**short, "unit_of_meas": "K", "exp_aft": expires}
    )
    assert isinstance(found, Announced)
    assert found.expires_s == 0
