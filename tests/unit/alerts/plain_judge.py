"""An engine small enough to see through: one limit, one acknowledgement, one timer."""

import msgspec

from alerts.engine.view import AlarmView
from alerts.transition import Transition, What
from devices.quality import Quality
from devices.scan import Layout, Scan
from storage.entry import Command, Entry, Tick

LIMIT = 38.0
LAYOUT = Layout("inc1", ("temperature",), ("temperature",))


class Held(msgspec.Struct):
    """All that it remembers."""

    occurrence: int = 0
    state: str = "N"
    since: int = 0
    due: int | None = None


class PlainJudge:
    """Pages B at the limit and C ``after_ms`` later; the same entries give the same words."""

    def __init__(self, parts: dict[str, bytes] | None = None, *, after_ms: int = 300) -> None:
        saved = (parts or {}).get("held")
        self.held = msgspec.json.decode(saved, type=Held) if saved else Held()
        self.after_ms = after_ms
        self.ticks = 0

    def advance(self, seq: int, entry: Entry) -> tuple[Transition, ...]:
        del seq
        match entry:
            case Scan():
                return self._sample(entry)
            case Command():
                return self._acknowledge(entry)
            case Tick():
                self.ticks += 1
                if self.held.due is not None and self.held.due <= entry.at:
                    self.held.due = None
                    return (self._said(entry.at, What.QUEUED, to="C", step=1),)
        return ()

    def _sample(self, scan: Scan) -> tuple[Transition, ...]:
        value, held = scan.values[0], self.held
        if value is None:
            return ()
        if value >= LIMIT and held.state == "N":
            self.held = Held(held.occurrence + 1, "U", scan.at, scan.at + self.after_ms)
            return (
                self._said(scan.at, What.SET, value=value),
                self._said(scan.at, What.QUEUED, to="B", value=value, step=0),
            )
        if value < LIMIT and held.state == "A":
            held.state = "N"
            return (
                self._said(scan.at, What.CLEAR, value=value),
                self._said(scan.at, What.ALL_CLEAR, to="B", value=value),
            )
        return ()

    def _acknowledge(self, command: Command) -> tuple[Transition, ...]:
        if self.held.state != "U":
            what, why = What.REFUSED, "nothing to acknowledge"
        else:
            what, why = What.ACK, f"acknowledged by {command.by}"
            self.held.state, self.held.due = "A", None
        return (self._said(command.at, what, why=why, by=command.by, command=command.id),)

    def _said(self, at: int, what: What, **more: object) -> Transition:
        fields: dict[str, object] = {
            "rule": "inc1-temp-high",
            "channel": "inc1.temperature",
            "occurrence": self.held.occurrence,
            "severity": "critical",
            "since": self.held.since,
            **more,
        }
        return Transition(at=at, what=what, **fields)  # type: ignore[arg-type] # of this file

    def next_due(self) -> int | None:
        return self.held.due

    def changed(self) -> dict[str, bytes | None]:
        return {"held": msgspec.json.encode(self.held)}

    def view(self, rule_id: str) -> AlarmView:
        if rule_id != "inc1-temp-high":
            raise KeyError(rule_id)
        return AlarmView(
            rule=rule_id,
            channel="inc1.temperature",
            state=self.held.state,
            filter="F0",
            quality="GOOD",
            overlay="none",
            escalation="IDLE",
            step=None,
            severity="critical",
            worst="critical",
            occurrence=self.held.occurrence,
            activation=1,
            since=self.held.since,
            acked_by=(),
            paged=(),
            under="",
            consequences=(),
            value=None,
            value_at=None,
        )

    def views(self) -> tuple[AlarmView, ...]:
        return (self.view("inc1-temp-high"),)


def sample(value: float | None, at: int) -> Scan:
    """One reading of the incubator's temperature."""
    code = Quality.NO_ANSWER if value is None else Quality.GOOD
    return Scan(LAYOUT, at, at, (value,), bytes((code,)))


def ack(number: str, at: int) -> Command:
    """Ada acknowledges."""
    return Command(id=number, at=at, by="A", verb="ack", target="inc1-temp-high", via="link")
