"""The words of messages that are not about one alarm: lists, drills, and the system itself."""

from collections.abc import Callable
from typing import NamedTuple

from alerts.covered import Covered, Past
from alerts.dispatch import Claim
from alerts.notice import Notice
from alerts.transition import What

MOST = 40
"""So many alarms are written out; the rest is counted."""
_STATE = {
    "U": "active, nobody has it",
    "A": "active, acknowledged",
    "R": "returned to normal, still to be acknowledged",
    "LU": "gone, latched, still to be acknowledged",
    "LA": "gone, acknowledged, needs reset",
    "N": "over",
}
_DID = {
    What.SET: "set",
    What.CLEAR: "back inside the limit",
    What.QUEUED: "told",
    What.ACK: "acknowledged by",
    What.UNACK: "taken back by",
    What.SEV_UP: "worse",
    What.SEV_DOWN: "better",
    What.RE_ALARM: "alarmed again",
    What.EXHAUSTED: "everyone was told",
    What.EDITED: "rule edited by",
    What.VOID: "never was",
    What.RESET: "reset by",
}


class Words(NamedTuple):
    """How the page that the list stands on writes names, times and values."""

    name: Callable[[str], str]
    time: Callable[[int | None], str]
    measured: Callable[[str, float | None], str]
    link_of: Callable[[Covered], str]
    guide: Callable[[str], list[tuple[str, str]]]


def title(claim: Claim) -> str:
    """The subject."""
    match claim.notice:
        case Notice.DRILL:
            return "DRILL: please answer this test message"
        case Notice.HANDOVER:
            count = sum(one.take and one.open for one in claim.covers)
            asks = f"; {count} to acknowledge" if count else ""
            return f"Hand-over: {claim.transition.why}{asks}"
        case Notice.DIGEST:
            count = len(claim.covers)
            return f"Digest: {count} {'thing' if count == 1 else 'things'} during quiet hours"
        case _:
            return f"{claim.severity.upper()} system: {claim.transition.why}"


def facts(claim: Claim, words: Words) -> list[tuple[str, str]]:
    """Name and text of each part."""
    transition = claim.transition
    if claim.notice is Notice.DRILL:
        return [
            ("What", f"a drill on {claim.way.channel}: nothing is wrong and nothing is at risk"),
            ("Why", transition.why),
            ("Sent", words.time(transition.at)),
            ("To do", "answer it, so that it is known that an alarm would reach you"),
        ]
    if claim.notice is Notice.SYSTEM:
        return [("What", transition.why), ("Since", words.time(transition.at))]
    told = [("Why", transition.why)] if claim.notice is Notice.HANDOVER else []
    told += [_alarm(one, words) for one in claim.covers[:MOST]]
    if len(claim.covers) > MOST:
        told.append(("And", f"{len(claim.covers) - MOST} more: see the status of the site"))
    return told


def _alarm(one: Covered, words: Words) -> tuple[str, str]:
    if not one.rule:
        return "System", one.why
    head = f"{one.severity.upper()} {one.rule} #{one.occurrence}".strip()
    state = _STATE.get(one.state, one.state)
    if one.acked_by:
        state += f" by {', '.join(words.name(person) for person in one.acked_by)}"
    if one.quiet:
        state += f" ({'; '.join(one.quiet)})"
    value = words.measured(one.rule, one.value)
    since = f"since {words.time(one.since)}" if one.since is not None else ""
    lines = [", ".join(part for part in (state, since, value) if part)]
    lines += [_past(past, words) for past in one.past]
    if one.left_out:
        lines.append(f"{one.left_out} entries between the first and the last are left out")
    if one.open:
        lines += [f"{name}: {'; '.join(text.splitlines())}" for name, text in words.guide(one.rule)]
    if one.take and one.open:
        lines.append(f"Acknowledge: {words.link_of(one)}")
    return head, "\n".join(lines)


def _past(past: Past, words: Words) -> str:
    who = f" {words.name(past.who)}" if past.who else ""
    why = f": {past.why}" if past.why else ""
    return f"{words.time(past.at)} {_DID[past.what]}{who}{why}"
