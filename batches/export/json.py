"""The one spelling of a value as JSON: keys sorted, indented, a newline at the end."""

import msgspec

from devices.duration import Duration


def canonical(value: object) -> bytes:
    """``value`` (a msgspec struct, or what JSON knows) always as the same bytes.

    Spans of time are texts, as in configuration files; instants are epoch milliseconds.
    """
    plain = msgspec.json.encode(value, order="sorted", enc_hook=_as_text)
    return msgspec.json.format(plain, indent=1) + b"\n"


def _as_text(value: object) -> str:
    if isinstance(value, Duration):
        return str(value)
    raise NotImplementedError(f"a record cannot hold a {type(value).__name__}")
