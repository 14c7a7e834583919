"""``culturewatch alarm …``: what is open, what is kept quiet, and what people do about it."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console import words
from culturewatch import cli_evidence, itself
from culturewatch.ack_all import Scope, meant
from culturewatch.cli_entry import instant
from culturewatch.cli_options import DEFAULT_SITE, AsJson, By, SiteOption
from culturewatch.faults import FAILED, told
from culturewatch.output import say, say_json
from culturewatch.site import Site, SiteError, load
from devices import duration

if TYPE_CHECKING:
    from alerts.engine.view import AlarmView
    from alerts.store import Answer

alarm_commands = typer.Typer(
    no_args_is_help=True, help="List, acknowledge, shelve and take out of service."
)
alarm_commands.command()(cli_evidence.replay)
alarm_commands.command()(cli_evidence.kpi)

RuleId = Annotated[str, typer.Argument(metavar="RULE", help="the id of a rule")]
Target = Annotated[
    str, typer.Argument(metavar="RULE|DEVICE", help="a rule, or all of a device but its guards")
]
Note = Annotated[str, typer.Option("--note", help="what was found or done")]
Why = Annotated[str, typer.Option("--reason", help="why; without one it is refused")]
For = Annotated[str, typer.Option("--for", metavar="SPAN", help="how long, such as 90m")]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="ISO 8601")]


@alarm_commands.command("list")
def list_(
    *,
    everything: Annotated[bool, typer.Option("--all", help="normal ones too")] = False,
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Show the alarms that are open, those that nobody acknowledged first."""
    loaded, alarms = _alarms(site)
    shown = [alarm for alarm in alarms if everything or alarm.state != "N"]
    shown.sort(key=lambda alarm: (not words.asks(alarm), alarm.rule))
    if as_json:
        say_json(shown)
        return
    for alarm in shown:
        say(_line(alarm, loaded))
    if not shown:
        say("no alarm is open")


@alarm_commands.command()
def silenced(*, as_json: AsJson = False, site: SiteOption = DEFAULT_SITE) -> None:
    """Show every alarm that pages nobody now: by whom, why, and until when."""
    loaded, alarms = _alarms(site)
    shown = [alarm for alarm in alarms if alarm.quiet]
    if as_json:
        say_json(shown)
        return
    for alarm in shown:
        for quiet in alarm.quiet:
            until = words.moment(quiet.until, loaded.zone)
            who = f" by {quiet.by}" if quiet.by else ""
            held = f"; {alarm.held} times it would have paged" if alarm.held else ""
            say(f"{alarm.rule}: {quiet.how}{who} until {until}: {quiet.why}{held}")
    if not shown:
        say("nothing is silenced")


@alarm_commands.command()
def history(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="one rule; default: all")] = "",
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 50,
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Show what happened to alarms, the newest last."""
    from alerts.reader import AlarmReader  # --help needs none of it
    from alerts.schema import StoreError
    from culturewatch import paths

    with told(StoreError):
        loaded = load(site)
        with AlarmReader(paths.alarms(loaded.data)) as reader:
            rows = reader.history(limit=limit, rule=rule or None)
    rows.reverse()
    if as_json:
        say_json([row.transition for row in rows])
        return
    for row in rows:
        one = row.transition
        who = " ".join(filter(None, (one.to and f"to {one.to}", one.by and f"by {one.by}")))
        number = f"#{one.occurrence}" if one.occurrence else ""
        parts = (
            words.moment(one.at, loaded.zone),
            f"{one.what.value:<14}",
            f"{one.rule}{number}",
            who,
        )
        say("  ".join(part for part in (*parts, one.why) if part))
    if not rows:
        say("nothing has happened yet")


@alarm_commands.command()
def ack(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="the id of a rule")] = "",
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="all that wait for somebody now, of the whole site")
    ] = False,
    device: Annotated[list[str], typer.Option(help="with --all: only of this one")] = [],  # noqa: B006 # of typer
    severity: Annotated[list[str], typer.Option(help="with --all: only of this one")] = [],  # noqa: B006 # of typer
    note: Note = "",
    by: By = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Take an alarm: its escalation stops. Acknowledged is not fixed."""
    if bool(rule) == everything or (rule and (device or severity)):
        with told():
            raise SiteError(
                ["name one RULE, or say --all, with --device and --severity if need be"]
            )
    if everything:
        _acknowledge_all(site, Scope(devices=tuple(device), severities=tuple(severity)), by, note)
    else:
        _order(site, "ack", rule, by, note=note)


def _acknowledge_all(path: Path, scope: Scope, by: str, note: str) -> None:
    from alerts.rule import Severity  # --help needs none of it
    from culturewatch.order import order_each
    from storage.inbox import InboxError

    loaded, alarms = _alarms(path)
    with told():
        known = {"--device": {itself.DEVICE, *(device.id for device in loaded.devices)}}
        known |= {"--severity": {one.word for one in Severity}}
        for option, given in (("--device", scope.devices), ("--severity", scope.severities)):
            for strange in set(given) - known[option]:
                names = ", ".join(sorted(known[option]))
                raise SiteError([f"{option} {strange}: there is none of that name; known: {names}"])
    who = _acting(loaded, "ack", f"all alarms {scope}", by)
    with told(InboxError):
        each = {rule: seen | {"note": note} for rule, seen in meant(alarms, scope).items()}
        answers = order_each(loaded, "ack", each, by=who)
    for rule, answer in answers.items():
        say(f"{rule}: {_outcome(answer)}")
    taken = sum(answer is not None and answer.accepted for answer in answers.values())
    say(f"{taken} of {len(answers)} alarms {scope} acknowledged")
    if taken < len(answers):
        raise SystemExit(FAILED)


def _outcome(answer: "Answer | None") -> str:
    if answer is None:
        return "kept, but no core has answered; it is done when one runs"
    return (answer.why or "done") if answer.accepted else f"refused: {answer.why}"


@alarm_commands.command()
def unack(rule: RuleId, *, note: Note = "", by: By = "", site: SiteOption = DEFAULT_SITE) -> None:
    """Give an alarm back: people are paged again, from the first step."""
    _order(site, "unack", rule, by, note=note)


@alarm_commands.command()
def reset(rule: RuleId, *, note: Note = "", by: By = "", site: SiteOption = DEFAULT_SITE) -> None:
    """Reset a latched alarm that is gone and acknowledged."""
    _order(site, "reset", rule, by, note=note)


@alarm_commands.command()
def shelve(
    rule: RuleId,
    *,
    span: For = "",
    reason: Why = "",
    one_shot: Annotated[
        bool, typer.Option("--one-shot", help="until it has returned once")
    ] = False,
    by: By = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Keep an alarm from paging for a while; what is active when that ends pages at once."""
    once = "true" if one_shot else ""
    _order(site, "shelve", rule, by, **{"for": span}, reason=reason, one_shot=once)


@alarm_commands.command()
def unshelve(rule: RuleId, *, by: By = "", site: SiteOption = DEFAULT_SITE) -> None:
    """Take an alarm off the shelf."""
    _order(site, "unshelve", rule, by)


@alarm_commands.command()
def out_of_service(
    target: Target,
    *,
    until: Until = "",
    span: For = "",
    reason: Why = "",
    by: By = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Take a rule, or a device, out of service under a permit that ends by itself."""
    with told():
        ends = _ends(load(site), until, span)
    _order(site, "out_of_service", target, by, until=str(ends), reason=reason)


@alarm_commands.command()
def in_service(target: Target, *, by: By = "", site: SiteOption = DEFAULT_SITE) -> None:
    """Put a rule, or a device, back into service."""
    _order(site, "in_service", target, by)


@alarm_commands.command()
def done(
    rule: RuleId,
    *,
    note: Annotated[str, typer.Option("--note", help="what was found; needed")] = "",
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="when; default: now")] = "",
    by: By = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Say that a check or calibration was done which an overdue rule waits for."""
    with told():
        when = instant(load(site), "--at", at)
    _order(site, "done", rule, by, note=note, at="" if when is None else str(when))


@alarm_commands.command()
def warm_touch(
    rule: RuleId,
    *,
    still: Annotated[str, typer.Option("--still", metavar="SPAN", help="to watch before")] = "30s",
    span: Annotated[str, typer.Option("--for", metavar="SPAN", help="to watch it warm")] = "2m",
    by: By = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Check, by warming it, that the probe of an overdue rule is where the site says it is."""
    from culturewatch.parts import channel_specs, rulebook  # --help needs none
    from culturewatch.touching import heard
    from culturewatch.warm_touch import Result, judged
    from storage.journal import JournalError

    with told(JournalError):
        loaded = load(site)
        meant = [one for one in rulebook(loaded).rules if one.id == rule and one.every is not None]
        if not meant:
            raise SiteError(
                [f"{rule}: is no rule of kind overdue; `culturewatch check` lists them"]
            )
        channel = meant[0].channel
        quantity = next(one.quantity for one in channel_specs(loaded) if one.id == channel)
        who = _acting(loaded, "done", rule, by)
        say(f"Touch nothing for {still}: watching how all probes of {quantity} stand.")
        before = heard(loaded, quantity, _span_s("--still", still))
        say(f"Now warm the probe of {channel}, and only that one, for {span}.")
        touch = judged(channel, before, heard(loaded, quantity, _span_s("--for", span)))
        say(str(touch))
    right = touch.result is Result.RIGHT
    failed = "" if right else "true"
    _hand_in(loaded, "done", rule, who, note=f"warm touch: {touch}", failed=failed)
    if not right:
        raise SystemExit(FAILED)


def _span_s(option: str, text: str) -> float:
    try:
        return duration.parse(text).seconds
    except ValueError as error:
        raise SiteError([f"{option} {text}: {error}"]) from error


def _order(path: Path, verb: str, target: str, by: str, /, **arguments: str) -> None:
    with told():
        loaded = load(path)
    _hand_in(loaded, verb, target, _acting(loaded, verb, target, by), **arguments)


def _acting(site: Site, verb: str, target: str, by: str) -> str:
    """Who orders it, who has proved it and may."""
    from culturewatch.who import FAULTS, acting  # --help needs none of it

    with told(*FAULTS):
        return acting(site, by, f"alarm.{verb}", target)
    raise AssertionError("told() ends the program")


def _hand_in(site: Site, verb: str, target: str, who: str, /, **arguments: str) -> None:
    from culturewatch.order import order  # --help needs none of it
    from storage.inbox import InboxError

    with told(InboxError):
        answer = order(site, verb, target, by=who, arguments=arguments)
    if answer is None:
        sys.stderr.write(
            f"culturewatch: {verb} {target} is kept, but no core has answered; it is done when one "
            "runs: look at `culturewatch status`\n"
        )
        raise SystemExit(FAILED)
    if not answer.accepted:
        sys.stderr.write(f"culturewatch: {target}: refused: {answer.why}\n")
        raise SystemExit(FAILED)
    say(f"{target}: {answer.why or 'done'}")


def _alarms(path: Path) -> "tuple[Site, list[AlarmView]]":
    from alerts.reader import AlarmReader  # --help needs none of it
    from alerts.schema import StoreError
    from culturewatch import paths

    with told(StoreError):
        loaded = load(path)
        with AlarmReader(paths.alarms(loaded.data)) as reader:
            return loaded, reader.alarms()
    raise AssertionError("told() ends the program")


def _ends(site: Site, until: str, span: str) -> int:
    if bool(until) == bool(span):
        raise SiteError(["say either --until TIME or --for SPAN: a permit ends by itself"])
    if span:
        try:
            wait = duration.parse(span)
        except ValueError as error:
            raise SiteError([f"--for {span}: {error}"]) from error
        return round(datetime.now(site.zone).timestamp() * 1000) + int(wait)
    return instant(site, "--until", until) or 0


def _line(alarm: "AlarmView", site: Site) -> str:
    acked = ", ".join(alarm.acked_by)
    facts = (
        f"{words.severity(alarm):<8}",
        alarm.rule,
        words.state(alarm),
        f"since {words.moment(alarm.since, site.zone)}" if alarm.since else "",
        f"acknowledged by {acked}" if acked else "",
    )
    return "  ".join(fact for fact in facts if fact)
