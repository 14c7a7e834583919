"""What one message says of a device, before it is known when that was so."""

import msgspec


class PoisonError(ValueError):
    """A payload in which nothing can be read; the text says why."""


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """What one payload says, values in stored units, in the order of the profile's channels.

    ``stamp`` is the device's own time in epoch milliseconds, UTC; when the profile promises
    one and the payload has none that can be used, it is ``None`` and ``stamp_fault`` says why.
    ``said`` are the numbers of those channels of which the payload speaks, if not of all;
    ``values`` and ``qualities`` are theirs. ``past``: it was buffered, and is of its stamp.
    ``gone``: it is word that the device does not speak. ``test``: it was made up for a trial.
    ``digest`` is what a repeat is recognised by, where that is not the whole payload.
    """

    values: tuple[float | None, ...]
    qualities: bytes
    stamp: int | None = None
    stamp_fault: str = ""
    sequence: int | None = None
    said: tuple[int, ...] | None = None
    past: bool = False
    gone: bool = False
    test: bool = False
    digest: bytes = b""
