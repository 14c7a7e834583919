"""What a Sparkplug host application knows of one edge node. Pure: the time is given.

Sparkplug 3.0.0: sections 5.4 (births, deaths, bdSeq), 5.5 (rebirth), 6.4 (seq, aliases) and the
host application's reordering (operational behaviour, "Reorder Timeout"). Nothing is told of a
device that is not surely born: between a doubt and the next birth of the node its messages are
put aside, for an alias may mean another metric since.

One thing is taken for granted: that of the births of a node and its devices, which come one
after the other, some message arrives; and that its death does, which comes at QoS 1. Were all of
them lost, sequence numbers alone would not always tell.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from devices.dialects.sparkplug import Metric, Payload

REORDER_S = 5.0
"""How long a message that is missing is waited for."""
LONGEST_PAUSE_S = 300.0
MOST_HELD = 64
MOST_HELD_METRICS = 50_000
"""Messages, and the metrics in them, that wait for one that is missing."""
MOST_KNOWN = 32 * 1024 * 1024
"""Bytes that the names of a node's metrics and devices may take, with what is known of each."""
_EACH = 256
_NOBODY = "/", ""
"""Owner of an alias that was given twice: no device is called so."""
SEQ = 256
_HALF = SEQ // 2
_RECENT = 512

T = TypeVar("T")


class Spoken(msgspec.Struct, frozen=True, gc=False):
    """One metric of ``device`` (empty: of the node itself), by its name, with its birth's type.

    ``at`` is epoch milliseconds; None where the node told no time.
    """

    device: str
    name: str
    metric: Metric
    datatype: int
    at: int | None


@dataclass(slots=True)
class Step(Generic[T]):
    """What follows from an event: ``told`` messages in their order, and those put aside.

    ``repeats`` were told before. ``dead`` are devices of which nothing is known from now on,
    "" the node itself. ``rebirth``: the node is to be asked to be born again.
    """

    told: list[tuple[T, tuple[Spoken, ...]]] = field(default_factory=list)
    put_aside: list[tuple[T, str]] = field(default_factory=list)
    repeats: list[T] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    rebirth: bool = False


@dataclass(frozen=True, slots=True)
class Message(Generic[T]):
    """A message of the node: ``kind`` as in its topic, ``device`` empty for the node itself."""

    ticket: T
    kind: str
    device: str
    payload: Payload


class EdgeNode(Generic[T]):
    """One node and the devices behind it. A ticket is whatever a message is to be known by."""

    def __init__(self) -> None:
        self._born = False
        self._bdseq: int | None = None
        self._born_at: int | None = None
        self._newest: tuple[int | None, int | None] | None = None
        self._dead_bdseq: int | None = None
        self._expected = 0
        self._last_at: int | None = None
        self._devices: set[str] = set()
        self._aliases: dict[int, tuple[str, str]] = {}
        self._types: dict[tuple[str, str], int] = {}
        self._known = 0
        self._held: dict[int, Message[T]] = {}
        self._gap_s: float | None = None
        self._recent: deque[bytes] = deque(maxlen=_RECENT)
        self._doubted = False
        self._asked_s: float | None = None
        self._pause_s = REORDER_S

    @property
    def is_born(self) -> bool:
        """Whether its messages can be understood."""
        return self._born

    def connect(self, now_s: float) -> Step[T]:
        """Begin a connection: what was missed before is unknown, so the node is asked."""
        step: Step[T] = Step()
        self._recent.clear()
        self._forget("the connection to the broker ended", step)
        self._asked_s, self._pause_s = None, REORDER_S
        self._ask(now_s, step)
        return step

    def tick(self, now_s: float) -> Step[T]:
        """Give up what is overdue, and ask again while nothing is known."""
        step: Step[T] = Step()
        if self._gap_s is not None and now_s - self._gap_s >= REORDER_S:
            self._doubt("a message before it is missing", step)
        if not self._born:
            self._ask(now_s, step)
        return step

    def take(self, message: Message[T], digest: bytes, now_s: float) -> Step[T]:
        """Take in a message; ``digest`` is that of its topic and bytes."""
        step: Step[T] = Step()
        if message.kind == "NDEATH":
            self._die(message, step)
        elif digest in self._recent:
            step.repeats.append(message.ticket)
        else:
            self._recent.append(digest)
            self._sort_in(message, now_s, step)
        if message.kind == "NDEATH":
            # It is not there to be asked. When it comes back it is born unasked.
            self._asked_s, step.rebirth = now_s, False
        elif step.rebirth or (not self._born and not self._held):
            self._ask(now_s, step)
        return step

    def _sort_in(self, message: Message[T], now_s: float, step: Step[T]) -> None:
        payload = message.payload
        if payload.seq is None or not 0 <= payload.seq < SEQ:
            step.put_aside.append((message.ticket, "it has no sequence number from 0 to 255"))
        elif message.kind == "NBIRTH":
            self._bear(message, payload.seq, step)
        elif not self._born:
            self._hold(message, payload.seq, now_s, step)
        elif self._is_before_birth(payload):
            step.put_aside.append((message.ticket, "it is from before the node's birth"))
        else:
            self._in_turn(message, payload.seq, now_s, step)

    def _in_turn(self, message: Message[T], seq: int, now_s: float, step: Step[T]) -> None:
        ahead = (seq - self._expected) % SEQ
        if ahead == 0:
            self._tell(message, step)
            self._drain(step)
        elif ahead < _HALF or self._is_new(message.payload):
            self._hold(message, seq, now_s, step)
        else:
            step.put_aside.append((message.ticket, "it came after its turn"))

    def _is_new(self, payload: Payload) -> bool:
        return payload.at is not None and self._last_at is not None and payload.at > self._last_at

    def _is_before_birth(self, payload: Payload) -> bool:
        return payload.at is not None and self._born_at is not None and payload.at < self._born_at

    def _hold(self, message: Message[T], seq: int, now_s: float, step: Step[T]) -> None:
        if seq in self._held:
            step.put_aside.append((message.ticket, "another message has its sequence number"))
            return
        self._held[seq] = message
        if self._gap_s is None:
            self._gap_s = now_s
        metrics = sum(len(one.payload.metrics) for one in self._held.values())
        if len(self._held) > MOST_HELD or metrics > MOST_HELD_METRICS:
            self._doubt("too many messages wait for one that is missing", step)

    def _drain(self, step: Step[T]) -> None:
        while self._born and (message := self._held.pop(self._expected, None)) is not None:
            self._tell(message, step)
        if not self._held:
            self._gap_s = None

    # Births and deaths.

    def _bear(self, message: Message[T], seq: int, step: Step[T]) -> None:
        payload = message.payload
        if self._is_older(payload) and not self._doubted:
            # A birth that was delayed, or a node that lost its count and its clock: the next
            # one tells.
            step.put_aside.append((message.ticket, "it looks older than the birth before it"))
            self._doubt("the node's birth is in doubt", step)
            self._doubted = True
            return
        self._doubted = False
        self._born, self._bdseq, self._born_at = True, payload.bdseq, payload.at
        self._newest, self._dead_bdseq = (payload.bdseq, payload.at), None
        self._last_at = payload.at
        self._asked_s, self._pause_s = None, REORDER_S
        step.dead += sorted(self._devices - {""})
        self._devices = {""}
        self._know_nothing()
        self._register("", payload)
        self._expected = (seq + 1) % SEQ
        self._say(message, step)
        self._leave_earlier(step)
        self._drain(step)

    def _is_older(self, payload: Payload) -> bool:
        if payload.bdseq is not None and payload.bdseq == self._dead_bdseq:
            return True
        if self._newest is None:
            return False
        bdseq, at = self._newest
        if payload.bdseq is not None and bdseq is not None and payload.bdseq != bdseq:
            return (payload.bdseq - bdseq) % SEQ >= _HALF
        return payload.at is not None and at is not None and payload.at < at

    def _leave_earlier(self, step: Step[T]) -> None:
        for seq, message in list(self._held.items()):
            if self._is_before_birth(message.payload):
                del self._held[seq]
                step.put_aside.append((message.ticket, "it is from before the node's birth"))

    def _die(self, message: Message[T], step: Step[T]) -> None:
        bdseq = message.payload.bdseq
        if self._born and None not in {bdseq, self._bdseq} and bdseq != self._bdseq:
            # That of an earlier connection of the node.
            step.repeats.append(message.ticket)
            return
        step.told.append((message.ticket, ()))
        self._dead_bdseq = bdseq
        # Its birth may still be on the way, and so may what waits for it.
        self._doubt("the node has died", step)

    def _doubt(self, reason: str, step: Step[T]) -> None:
        step.dead += sorted(self._devices)
        self._forget(reason, step)
        step.rebirth = True

    def _forget(self, reason: str, step: Step[T]) -> None:
        step.put_aside += [(message.ticket, reason) for message in self._held.values()]
        self._held.clear()
        self._gap_s = None
        self._born = False
        self._devices = set()
        self._know_nothing()

    def _ask(self, now_s: float, step: Step[T]) -> None:
        step.rebirth = False
        if self._asked_s is not None:
            if now_s - self._asked_s < self._pause_s:
                return
            self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
        self._asked_s = now_s
        step.rebirth = True

    # What messages in their turn say.

    def _tell(self, message: Message[T], step: Step[T]) -> None:
        self._expected = (self._expected + 1) % SEQ
        if message.payload.at is not None:
            self._last_at = message.payload.at
        device = message.device
        match message.kind:
            case "DBIRTH" if device in self._devices:
                # It may have been born again behind a birth of the node that was lost.
                step.put_aside.append((message.ticket, "its device was born already"))
                self._doubt("a device was born twice", step)
                return
            case "DBIRTH":
                self._devices.add(device)
                self._register(device, message.payload)
                if self._known > MOST_KNOWN:
                    step.put_aside.append((message.ticket, "its node has too many metrics"))
                    self._doubt("the node has too many metrics", step)
                    return
            case "DDEATH":
                self._unregister(device)
                self._devices.discard(device)
                step.dead.append(device)
                step.told.append((message.ticket, ()))
                return
            case _ if device not in self._devices:
                step.put_aside.append((message.ticket, "its device was not born"))
                self._doubt("a device was not born", step)
                return
        self._say(message, step)

    def _say(self, message: Message[T], step: Step[T]) -> None:
        spoken = tuple(self._spoken(message))
        step.told.append((message.ticket, spoken))
        # What nobody has announced cannot be understood. Who is asked for its births may give
        # its aliases anew in them: from then on the old ones count for nothing.
        if len(spoken) < len(message.payload.metrics):
            self._doubt("a metric was not announced", step)

    def _register(self, device: str, payload: Payload) -> None:
        self._known += _EACH + len(device)
        for metric in payload.metrics:
            if (device, metric.name) not in self._types:
                self._known += _EACH + len(device) + len(metric.name)
            self._types[device, metric.name] = metric.datatype
            if metric.alias is not None:
                owner = device, metric.name
                held = self._aliases.get(metric.alias, owner)
                # Two metrics of a device by one alias: whose value it brings nobody can tell.
                is_shared = held != owner and held[0] in {device, _NOBODY[0]}
                self._aliases[metric.alias] = _NOBODY if is_shared else owner

    def _unregister(self, device: str) -> None:
        self._aliases = {a: owner for a, owner in self._aliases.items() if owner[0] != device}
        gone = [owner for owner in self._types if owner[0] == device]
        for owner in gone:
            del self._types[owner]
        self._known -= _EACH + len(device)
        self._known -= sum(_EACH + len(device) + len(name) for _, name in gone)

    def _know_nothing(self) -> None:
        self._known = 0
        self._aliases.clear()
        self._types.clear()

    def _spoken(self, message: Message[T]) -> Iterator[Spoken]:
        for metric in message.payload.metrics:
            owner = message.device, metric.name
            if not metric.name and metric.alias is not None:
                owner = self._aliases.get(metric.alias, ("", ""))
            if owner[0] == message.device and owner in self._types:
                at = message.payload.at if metric.at is None else metric.at
                yield Spoken(*owner, metric, self._types[owner], at)
