"""Sparkplug B payloads by the makers of protocol buffers: nothing of ours takes part in them.

The fields are those of sparkplug_b.proto, Sparkplug 3.0.0, as far as the tests use them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_KINDS: Mapping[str, int] = {
    "uint32": 13,
    "uint64": 4,
    "bool": 8,
    "float": 2,
    "double": 1,
    "string": 9,
    "bytes": 12,
}
_MESSAGES: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "PropertyValue": {"type": (1, "uint32"), "is_null": (2, "bool"), "int_value": (3, "uint32")},
    "PropertySet": {"keys": (1, "string*"), "values": (2, "PropertyValue*")},
    "Metric": {
        "name": (1, "string"),
        "alias": (2, "uint64"),
        "timestamp": (3, "uint64"),
        "datatype": (4, "uint32"),
        "is_historical": (5, "bool"),
        "is_transient": (6, "bool"),
        "is_null": (7, "bool"),
        "properties": (9, "PropertySet"),
        "int_value": (10, "uint32"),
        "long_value": (11, "uint64"),
        "float_value": (12, "float"),
        "double_value": (13, "double"),
        "boolean_value": (14, "bool"),
        "string_value": (15, "string"),
        "bytes_value": (16, "bytes"),
    },
    "Payload": {
        "timestamp": (1, "uint64"),
        "metrics": (2, "Metric*"),
        "seq": (3, "uint64"),
        "uuid": (4, "string"),
        "body": (5, "bytes"),
    },
}


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="sparkplug_of_the_tests.proto", package="tests", syntax="proto2"
    )
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            field = described.field.add(name=name, number=number, label=1)
            plain = kind.rstrip("*")
            if kind.endswith("*"):
                field.label = 3
            if plain in _KINDS:
                field.type = _KINDS[plain]
            else:
                field.type, field.type_name = 11, f".tests.{plain}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tests.{name}"))
        for name in _MESSAGES
    }


CLASSES = _classes()
INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64 = range(1, 9)
FLOAT, DOUBLE, BOOLEAN, STRING, DATETIME = range(9, 14)


def metric(name: str = "", *, quality: int | None = None, **fields: object) -> Any:  # noqa: ANN401 # made at run time
    """A metric; ``fields`` are those of the specification."""
    made = CLASSES["Metric"](**({"name": name} if name else {}), **fields)
    if quality is not None:
        made.properties.keys.append("Quality")
        made.properties.values.add(type=INT32, int_value=quality)
    return made


def payload(
    metrics: Iterable[object] = (), *, at: int | None = None, seq: int | None = None
) -> bytes:
    """A payload as bytes."""
    made = CLASSES["Payload"](metrics=list(metrics))
    if at is not None:
        made.timestamp = at
    if seq is not None:
        made.seq = seq
    whole: bytes = made.SerializeToString()
    return whole
