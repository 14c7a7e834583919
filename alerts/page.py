"""The words of a message: short enough for a phone, and all that somebody woken up needs."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from html import escape
from math import ceil, log10

from msgspec.structs import replace

from alerts import list_page
from alerts.channel import ChannelSpec
from alerts.covered import Covered
from alerts.directory import Directory
from alerts.dispatch import Claim
from alerts.notice import ALONE, Notice
from alerts.notify.notifier import Message
from alerts.rule import Rule
from devices.duration import Duration
from devices.units import STORED_UNIT

SUBJECT_LENGTH = 70
_SIGN = {"high": "≥", "low": "≤", "discrete": "=", "count": "≥"}
_SHOWN = {"degC": " °C", "1": "", "%": " %"}
_HEAD = {
    Notice.CORRECTION: "Correction",
    Notice.ALL_CLEAR: "All clear",
    Notice.CLOSED: "Closed",
}
# Large enough for a thumb at night.
_BUTTON = "display:inline-block;padding:14px 28px;background:#0b4f9e;color:#fff;font-size:18px"
_MAY_REPEAT = "This message may be a repeat: nobody knows whether an earlier one reached you."


class Composer:
    """Writes messages.

    ``at_risk`` gives short lines on what is in a device; it must answer at once, from memory,
    and not raise. ``place_of`` says what people call a device and where it stands. ``link_of``
    makes the link that acknowledges; without it the text names the command to type. Times are
    shown in ``zone``.
    """

    def __init__(
        self,
        directory: Directory,
        channels: Sequence[ChannelSpec],
        *,
        at_risk: Callable[[str], Sequence[str]] = lambda _: (),
        place_of: Callable[[str], str] = lambda _: "",
        link_of: Callable[[Claim], str] = lambda _: "",
        zone: tzinfo = UTC,
    ) -> None:
        self._directory = directory
        self._channels = {channel.id: channel for channel in channels}
        self._at_risk = at_risk
        self._place_of = place_of
        self._link_of = link_of
        self._zone = zone

    def compose(self, claim: Claim) -> Message:
        """The message that a claimed row stands for."""
        if claim.notice in ALONE:
            return self._alone(claim)
        rule = self._directory.rule_of(claim.rule)
        paging = claim.notice is Notice.PAGE
        link = self._link_of(claim) if paging else ""
        facts = self._page(claim, rule) if paging else self._news(claim, rule)
        closing = self._how_to_acknowledge(claim, link) if paging else ""
        repeat = _MAY_REPEAT if claim.may_repeat else ""
        title = self._title(claim, rule)
        subject = ("(repeat?) " if claim.may_repeat else "") + title
        texts = (_as_text(title, facts, closing, repeat), _as_html(title, facts, link, repeat))
        return self._message(claim, subject, texts, link)

    def _alone(self, claim: Claim) -> Message:
        """A list, a drill, or word about the system."""
        is_drill = claim.notice is Notice.DRILL
        if is_drill:
            # Whatever acknowledges it names this one.
            claim = replace(claim, rule=claim.transition.rule)
        words = list_page.Words(
            name=self._directory.name,
            time=self._time,
            measured=self._of_rule,
            link_of=lambda one: self._link_in_list(claim, one),
            guide=self._guide,
        )
        title, facts = list_page.title(claim), list_page.facts(claim, words)
        link = self._link_of(claim) if is_drill else ""
        closing = f"Answer (opens a page with a button):\n{link}" if link else ""
        repeat = _MAY_REPEAT if claim.may_repeat else ""
        # A drill is marked as one before anything else.
        subject = title if is_drill or not claim.may_repeat else f"(repeat?) {title}"
        texts = (_as_text(title, facts, closing, repeat), _as_html(title, facts, link, repeat))
        return self._message(claim, subject, texts, link)

    def _message(self, claim: Claim, subject: str, texts: tuple[str, str], link: str) -> Message:
        text, html = texts
        return Message(
            # Rows count from 1 in every store: alone they would name a page of another site, or
            # of this one before its store was lost, and providers drop what they have seen.
            id=f"page-{claim.row}-{claim.arrived}" if claim.row else claim.attempt,
            kind=claim.notice.value,
            person=claim.way.person,
            address=self._directory.address(claim.way) or "",
            subject=_short(subject),
            text=text,
            html=html,
            link=link,
            severity=claim.severity,
            rule=claim.rule,
            occurrence=claim.occurrence,
            may_repeat=claim.may_repeat,
        )

    def _link_in_list(self, claim: Claim, one: Covered) -> str:
        about = replace(
            claim,
            notice=Notice.PAGE,
            rule=one.rule,
            occurrence=one.occurrence,
            severity=one.severity,
        )
        return self._link_of(about) or f"culturewatch alarm ack {one.rule}"

    def _of_rule(self, rule_id: str, value: float | None) -> str:
        rule = self._directory.rule_of(rule_id)
        return self._measured(rule.channel if rule else "", value)

    def _title(self, claim: Claim, rule: Rule | None) -> str:
        channel = self._channel_of(claim, rule)
        value = self._measured(channel, claim.transition.value)
        if claim.notice is Notice.PAGE:
            limit = self._limit(claim, rule)
            said = " ".join(part for part in (value, limit and f"(limit {limit})") if part)
            silent = rule is not None and rule.kind == "silence"
            about = "gives no reading" if silent else said or claim.transition.why
            return f"{claim.severity.upper()} {channel or claim.rule} {about}".strip()
        head = _HEAD.get(claim.notice, "News")
        said = value if claim.notice is Notice.ALL_CLEAR else claim.transition.why
        return f"{head}: {channel or claim.rule} {said}".strip()

    def _page(self, claim: Claim, rule: Rule | None) -> list[tuple[str, str]]:
        transition = claim.transition
        channel = self._channel_of(claim, rule)
        facts = [
            ("What", f"{claim.rule} on {channel}" if channel else claim.rule),
            ("Where", self._place_of(_device(channel))),
            ("Value", self._measured(channel, transition.value)),
            ("Limit", self._limit(claim, rule)),
            ("Since", self._time(transition.since)),
            ("Why", transition.why),
            ("You are told because", self._why_you(claim)),
        ]
        facts += self._guidance(rule, channel)
        return [(name, text) for name, text in facts if text]

    def _guide(self, rule_id: str) -> list[tuple[str, str]]:
        rule = self._directory.rule_of(rule_id)
        guidance = self._guidance(rule, rule.channel if rule else "")
        return [(name, text) for name, text in guidance if text]

    def _guidance(self, rule: Rule | None, channel: str) -> list[tuple[str, str]]:
        facts = []
        if rule is not None:
            facts += [
                ("Cause", rule.cause),
                ("If nothing is done", rule.consequence),
                ("Do now", rule.action),
                ("Within", str(Duration(rule.respond_within)) if rule.respond_within else ""),
            ]
        at_risk = self._at_risk(_device(channel)) if channel else ()
        return [*facts, ("At risk", "\n".join(at_risk))]

    def _news(self, claim: Claim, rule: Rule | None) -> list[tuple[str, str]]:
        transition = claim.transition
        channel = self._channel_of(claim, rule)
        facts = [
            ("What", f"{claim.rule} on {channel}" if channel else claim.rule),
            ("Where", self._place_of(_device(channel))),
            ("Value", self._measured(channel, transition.value)),
            ("Since", self._time(transition.since)),
            ("Why", transition.why),
            ("By", self._directory.name(transition.by) if transition.by else ""),
        ]
        if claim.notice is Notice.ALL_CLEAR:
            facts.append(("To do", "nothing more for this alarm"))
        return [(name, text) for name, text in facts if text]

    def _why_you(self, claim: Claim) -> str:
        reasons = [claim.why] if claim.why else []
        if claim.told_before:
            names = ", ".join(self._directory.name(person) for person in claim.told_before)
            reasons.append(f"{names} did not acknowledge")
        return "; ".join(reasons)

    def _how_to_acknowledge(self, claim: Claim, link: str) -> str:
        if link:
            return f"Acknowledge (opens a page with a button):\n{link}"
        return f"Acknowledge: culturewatch alarm ack {claim.rule}"

    def _channel_of(self, claim: Claim, rule: Rule | None) -> str:
        return claim.transition.channel or (rule.channel if rule else "")

    def _limit(self, claim: Claim, rule: Rule | None) -> str:
        if rule is None or rule.kind not in _SIGN:
            return ""
        further = [step.limit for step in rule.steps if step.severity == claim.severity]
        limit = further[0] if further else rule.limit
        return f"{_SIGN[rule.kind]} {self._measured(rule.channel, limit)}"

    def _measured(self, channel: str, value: float | None) -> str:
        if value is None:
            return ""
        spec = self._channels.get(channel)
        if spec is None:
            return f"{value:g}"
        unit = STORED_UNIT.get(spec.quantity, "")
        decimals = max(0, ceil(-log10(spec.resolution) - 1e-9)) if spec.resolution > 0 else 2
        return f"{value:.{decimals}f}{_SHOWN.get(unit, f' {unit}')}"

    def _time(self, at: int | None) -> str:
        if at is None:
            return ""
        moment = datetime.fromtimestamp(at / 1000, UTC).astimezone(self._zone)
        return f"{moment:%Y-%m-%d %H:%M:%S %Z}"


def _device(channel: str) -> str:
    return channel.partition(".")[0]


def _short(subject: str) -> str:
    """One line that a phone shows whole; what people typed may hold line breaks and worse."""
    line = " ".join("".join(c if c.isprintable() else " " for c in subject).split())
    return line if len(line) <= SUBJECT_LENGTH else line[: SUBJECT_LENGTH - 1] + "…"


def _as_text(title: str, facts: list[tuple[str, str]], closing: str, repeat: str) -> str:
    lines = [f"{name}: {_indented(text)}" for name, text in facts]
    parts = [title, "\n".join(lines), closing, repeat]
    return "\n\n".join(part for part in parts if part) + "\n"


def _indented(text: str) -> str:
    if "\n" not in text:
        return text
    return "".join(f"\n  - {line}" for line in text.splitlines())


def _as_html(title: str, facts: list[tuple[str, str]], link: str, repeat: str) -> str:
    rows = "".join(
        f"<tr><th align='left' valign='top'>{escape(name)}</th>"
        f"<td>{escape(text).replace(chr(10), '<br>')}</td></tr>"
        for name, text in facts
    )
    button = f"<p><a href='{escape(link)}' style='{_BUTTON}'>Acknowledge…</a></p>" if link else ""
    note = f"<p><i>{escape(repeat)}</i></p>" if repeat else ""
    return f"<html><body><h2>{escape(title)}</h2><table>{rows}</table>{button}{note}</body></html>"
