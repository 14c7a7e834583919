"""What judged the stays: protocols with their versions, or the alarm rules of then."""

from collections.abc import Iterable, Iterator, Sequence
from zoneinfo import ZoneInfo

from alerts.rule import Rule
from batches.export.paper.sheet import (
    LISTED,
    Block,
    Cell,
    Facts,
    Heading,
    Section,
    Text,
    Tone,
    cell,
    left_out,
    table,
)
from batches.export.wording import NOTHING, limits, moment, span
from batches.in_force import RulesSince
from batches.policy import Policy
from batches.protocol import Protocol
from batches.record import BatchRecord
from batches.shelf import Adopted


def limits_in_force(record: BatchRecord, zone: ZoneInfo) -> Section:
    """Every version that judged, from when on, entered and changed by whom."""
    blocks: list[Block] = []
    for each in record.protocols:
        blocks += _adopted(each, zone)
    blocks.append(Heading("Alarm rules on these devices"))
    judged = any(not stay.protocol for stay in record.stays)
    blocks.append(
        Text(
            "Without a protocol the limits are the narrowest that these rules set."
            if judged
            else "The protocol sets the limits; these rules only raised alarms.",
            Tone.SOFT,
        )
    )
    blocks += rules(record.rules, record.setting.rules, zone)
    return Section("Limits in force", tuple(blocks))


def rules(past: Sequence[RulesSince], now: Sequence[Rule], zone: ZoneInfo) -> Iterator[Block]:
    """The rules of then, each from when on; where none are known, those of ``now``."""
    for then in past:
        yield from _rules_since(then, zone)
    if not past:
        yield Text("As in force when this was made; earlier versions are not known.")
        yield from _rules(now)


def _adopted(each: Adopted, zone: ZoneInfo) -> Iterator[Block]:
    if not each.reference:
        yield Text(f"{each.batch}: no protocol was named when it was opened.", Tone.SOFT)
        return
    yield Heading(f"{each.batch}: protocol {each.reference}")
    kept = each.kept
    why = f": {each.reason}" if each.reason else ""
    rows = [
        ("In force since", cell(f"{moment(zone, each.since)}, entered by {each.by}{why}")),
        ("Ledger row", cell(each.row)),
    ]
    if kept is None:
        rows.append(("Version", cell("is not in the ledger", "", Tone.UNSURE)))
        yield Facts(tuple(rows))
        return
    rows += [
        ("Kept", cell(f"{moment(zone, kept.at)} by {kept.by}")),
        ("SHA-256", Cell(kept.digest, mono=True)),
    ]
    yield Facts(tuple(rows))
    yield _steps(kept.protocol)


def _steps(protocol: Protocol) -> Block:
    columns = [
        *(("Step", 2.4), ("Devices", 2.6), ("Channel", 3.2), ("Limits", 2.8)),
        *((">Known at least", 2.2), ("Allowed excursions", 5), ("Second person", 2)),
    ]
    rows = (
        (
            step.id,
            ", ".join(step.devices),
            limit.channel,
            limits(limit.policy(guard_band=step.guard_band).limits),
            f"{limit.coverage:g} %",
            _allowed(limit.policy(guard_band=step.guard_band)),
            "needed" if step.second_check else NOTHING,
        )
        for step in protocol.step
        for limit in step.limit
    )
    return table(columns, rows)


def _allowed(policy: Policy) -> str:
    allowed = policy.allowed
    if allowed is None:
        return "none"
    edges = (NOTHING if e is None else f"{e:g}" for e in (allowed.low, allowed.high))
    often = ""
    if allowed.times is not None and allowed.per is not None:
        often = f", {allowed.times} in {span(allowed.per)}"
    return f"{' to '.join(edges)} for up to {span(allowed.longest)}{often}"


def _rules_since(then: RulesSince, zone: ZoneInfo) -> Iterable[Block]:
    yield Text(f"From {moment(zone, then.since)}: {then.why} (culturewatch {then.software}).")
    yield Facts((("Rulebook", Cell(then.digest, mono=True)),))
    if then.rules is None:
        text = "These rules were not kept: nobody can say what the limits were."
        yield Text(text, Tone.BAD)
        return
    yield from _rules(then.rules)


def _rules(rules: Sequence[Rule]) -> Iterable[Block]:
    if not rules:
        yield Text("None.", Tone.UNSURE)
        return
    columns = [
        *(("Rule", 4), ("Channel", 4), ("Kind", 2.4), (">Limit", 1.8)),
        *((">Delay", 1.8), (">Off margin", 1.8), ("Severity", 2)),
    ]
    rows = (
        (
            rule.id,
            rule.channel,
            rule.kind,
            NOTHING if rule.limit is None else f"{rule.limit:g}",
            span(rule.on_delay),
            f"{rule.deadband:g}",
            rule.severity,
        )
        for rule in rules[:LISTED]
    )
    yield table(columns, rows, left_out(len(rules), LISTED, "rules"))
