"""What a site would do, before it does it: the read plan, and what nobody watches."""

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from rich.console import Console
from rich.table import Table

from alerts.rulebook import Rulebook
from collector.address import TtyAddress
from culturewatch.console_mistakes import certificate_mistake
from culturewatch.output import say_json
from culturewatch.parts import default_rules, influx_settings, rulebook
from culturewatch.site import Site, SiteDevice, SiteError, load
from culturewatch.terminal import terminal
from devices.plan import plan
from devices.profile import Profile
from devices.source import Query

SILENCE = "silence"
UNKNOWN_BAUD = 9600


class PlannedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """How one device is read.

    ``bus_s`` is that of its serial line, and estimated at 9600 baud for gateways to one.
    """

    id: str
    profile: str
    where: str
    period_s: float
    requests: int
    registers: int
    bus_s: float
    verify: tuple[str, ...]


class SitePlan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of a site. ``unwatched`` are channels without any rule.

    ``defaults`` are the shipped rules that apply, by channel; those of the site's own that took
    the place of one are not among them.

    ``unheard`` are devices whose silence no rule would tell. ``beats`` says whether somebody
    elsewhere would miss this site. ``links_to`` is where the links in
    pages lead when they go to people elsewhere and can be opened on this machine only.
    """

    site: str
    devices: tuple[PlannedDevice, ...]
    rules: int
    people: int
    unwatched: tuple[str, ...]
    unheard: tuple[str, ...]
    requests_per_s: float
    defaults: dict[str, tuple[str, ...]] = {}
    links_to: str = ""
    beats: bool = False


def site_plan(site: Site, book: Rulebook) -> SitePlan:
    """What running ``site`` means for its devices and its people."""
    devices = tuple(_planned(site, device) for device in site.devices)
    watched = {rule.channel for rule in book.rules}
    heard = {rule.channel.partition(".")[0] for rule in book.rules if rule.kind == SILENCE}
    return SitePlan(
        site=site.file.site.name,
        devices=devices,
        rules=len(book.rules),
        people=len(site.file.person),
        unwatched=tuple(spec.id for spec in book.channels if spec.id not in watched),
        unheard=tuple(device.id for device in site.devices if device.id not in heard),
        requests_per_s=sum(device.requests / device.period_s for device in devices),
        defaults=_defaults(site, book),
        links_to=_links_to_here(site),
        beats=site.file.beat is not None,
    )


def _defaults(site: Site, book: Rulebook) -> dict[str, tuple[str, ...]]:
    running = set(book.rules)
    found: dict[str, list[str]] = {}
    for one in default_rules(site):
        if one.rule in running:
            found.setdefault(one.rule.channel, []).append(one.rule.id)
    return {channel: tuple(rules) for channel, rules in found.items()}


def _links_to_here(site: Site) -> str:
    elsewhere = any(set(person.channels) - {"inbox"} for person in site.file.person)
    name = urlsplit(site.public_url).hostname or ""
    try:
        address = ip_address(name)
    except ValueError:
        here = name == "localhost"
    else:
        here = address.is_loopback or address.is_unspecified
    return site.public_url if elsewhere and here else ""


def _planned(site: Site, device: SiteDevice) -> PlannedDevice:
    verify = tuple(c.key for c in device.profile.channels if c.verify or device.profile.verify)
    requests, registers, bus_s = 0, 0, 0.0
    if device.profile.mqtt is not None:
        where = f"topic {device.declared.topic}"
    elif device.profile.modbus is None:
        where = site.address_of(device).name
        requests = asked(device.profile)
    else:
        address = site.address_of(device)
        blocks = plan(device.profile)
        where = f"{address.name} unit {device.unit}"
        baud = address.serial.baud if isinstance(address, TtyAddress) else UNKNOWN_BAUD
        requests, bus_s = blocks.requests, blocks.bus_seconds(baud)
        registers = sum(block.count for block in blocks.blocks)
    return PlannedDevice(
        id=device.id,
        profile=device.declared.profile,
        where=where,
        period_s=device.period.seconds,
        requests=requests,
        registers=registers,
        bus_s=round(bus_s, 3),
        verify=verify,
    )


def asked(profile: Profile) -> int:
    """Questions a cycle to a device that is asked in text; one that speaks unasked has none."""
    sources = [channel.source for channel in profile.channels]
    questions = {source.ask for source in sources if isinstance(source, Query)}
    return len(questions - {""}) + (profile.http is not None)


def print_plan(path: Path, *, as_json: bool) -> None:
    """Print the plan of the site at ``path``.

    Raises:
        culturewatch.site.SiteError: it cannot be run; every mistake is listed.
    """
    site = load(path)
    planned = site_plan(site, rulebook(site))
    influx_settings(site)
    if wrong := certificate_mistake(site.console_tls):
        raise SiteError([wrong])
    if as_json:
        say_json(planned)
        return
    console = terminal()
    console.print(_table(planned))
    console.print(
        f"{len(planned.devices)} devices, {planned.requests_per_s:.1f} requests a second, "
        f"{planned.rules} rules, {planned.people} people"
    )
    console.print(
        "reads and words: Modbus, each time; bus s: on its serial line, else at 9600 baud"
    )
    for device in planned.devices:
        if device.verify:
            console.print(f"! {device.id}: addresses not proven: {', '.join(device.verify)}")
    for name in planned.unheard:
        console.print(f"! {name}: no silence rule; if it dies, nobody is told")
    if not planned.beats:
        console.print(
            "! no [beat]: if this machine or its network dies, nobody is told; "
            "set one, and run culturewatch watchdog elsewhere",
            soft_wrap=True,
        )
    if planned.links_to:
        console.print(
            f"! the links in pages lead to {planned.links_to}, which opens on this machine only; "
            "set console.public_url to what a phone can open",
            soft_wrap=True,
        )
    _print_watched(console, planned)


def _print_watched(console: Console, planned: SitePlan) -> None:
    for channel, rules in planned.defaults.items():
        prefix = channel.partition(".")[0] + "-"
        short = ", ".join(rule.removeprefix(prefix) for rule in rules)
        console.print(f"default rules of {channel}: {short}", soft_wrap=True)
    if planned.unwatched:
        console.print(f"without a rule: {', '.join(planned.unwatched)}", soft_wrap=True)


def _table(planned: SitePlan) -> Table:
    table = Table(title=planned.site, box=None, title_justify="left", collapse_padding=True)
    for heading in ("device", "profile", "where"):
        table.add_column(heading, overflow="fold")
    for heading in ("every s", "reads", "words", "bus s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for d in planned.devices:
        polled = bool(d.requests)
        table.add_row(
            *(d.id, d.profile, d.where, f"{d.period_s:g}"),
            *((str(d.requests), str(d.registers), f"{d.bus_s:.3f}") if polled else ("", "", "")),
        )
    return table
