"""What stands in the journal: one ordered log of everything that alarms depend on."""

import msgspec

from devices.scan import Scan


class Command(msgspec.Struct, frozen=True, kw_only=True, tag="command"):
    """What a person did: ``verb`` on ``target``, with arguments.

    ``id`` is given by whoever took the act in, so that a repeat is recognised. ``via`` is the
    way it came: ``console``, ``link``, ``cli``. ``at`` is epoch milliseconds, UTC.
    """

    id: str
    at: int
    by: str
    verb: str
    target: str
    via: str
    arguments: dict[str, str] = {}


class Receipt(msgspec.Struct, frozen=True, kw_only=True, tag="receipt"):
    """What a provider said later of a message that it had taken.

    ``message`` is the id that the message was handed over with (``page-<row of the outbox>-…``),
    ``provider_id`` what the provider calls it. ``delivered`` is False when it never will be;
    ``note`` says why. ``id`` is the same for a repeat, ``at`` is epoch milliseconds, UTC.
    """

    id: str
    at: int
    provider: str
    message: str
    provider_id: str
    delivered: bool
    note: str = ""


class Started(msgspec.Struct, frozen=True, kw_only=True, tag="started"):
    """The core began to run. ``configuration`` is the SHA-256 of what it runs with.

    ``reloaded``: it ran on, and only what it runs with was read anew.
    """

    at: int
    version: str
    configuration: str
    reloaded: bool = False


class Stopped(msgspec.Struct, frozen=True, kw_only=True, tag="stopped"):
    """The core ended of its own accord; a crash leaves none of these."""

    at: int
    reason: str


class ClockStep(msgspec.Struct, frozen=True, kw_only=True, tag="clock_step"):
    """The wall clock was set: it now shows ``at``, ``step`` milliseconds off where it would be."""

    at: int
    step: int


class Tick(msgspec.Struct, frozen=True, tag="tick"):
    """The instant at which a timer of the alarm engine was found due."""

    at: int


class Introduced(msgspec.Struct, frozen=True, kw_only=True, tag="introduced"):
    """What a device says of itself for the first time, or otherwise than ``before``.

    Both by the names of ``devices.identity``; ``before`` is empty the first time.
    """

    at: int
    device: str
    said: dict[str, str]
    before: dict[str, str] = {}


Note = Command | Receipt | Started | Stopped | ClockStep | Tick | Introduced
Entry = Scan | Note
