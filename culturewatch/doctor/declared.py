"""What the files of a site say by themselves: devices, rules, people, console. Pure."""

from collections import Counter
from collections.abc import Iterator

from alerts.rulebook import Rulebook
from console.oidc.sign_on import is_loopback
from culturewatch.check import SitePlan
from culturewatch.doctor.finding import Finding
from culturewatch.site import Site

MOSQUITTO_QUEUE = 1000
"""QoS 1 messages that Mosquitto keeps for a client that is away, unless told otherwise."""


def declared(site: Site, book: Rulebook, planned: SitePlan) -> Iterator[Finding]:
    """Everything that can be seen without looking at the machine or at a server."""
    yield from _devices(site, planned)
    yield from _rules(planned)
    yield from _people(site, book)
    yield from _outside(site, planned)


def queues(site: Site, outage_s: float, limits: dict[str, int]) -> Iterator[Finding]:
    """Whether brokers keep what comes while this machine is away for ``outage_s``.

    ``limits`` is how many messages each broker is known to keep (0: as many as come).
    """
    for broker in site.file.broker:
        rate = sum(1 / device.period.seconds for device in site.behind(broker))
        need = rate * outage_s
        limit = limits.get(broker.id)
        area = f"broker {broker.id}"
        come = f"{rate:.3g} messages a second come to {need:.0f} in {outage_s / 3600:g} h"
        if limit == 0 or not rate or (limit is not None and limit >= need):
            continue
        if limit is None and need <= MOSQUITTO_QUEUE:
            continue
        held = f"it keeps {limit}" if limit is not None else "how many it keeps was not said"
        yield Finding(
            area=area,
            what=f"{come}; {held} (Mosquitto as shipped: {MOSQUITTO_QUEUE}, the rest is dropped)",
            endangers="readings of an outage of this machine are lost without a word",
            do=f"set max_queued_messages 0, or {need:.0f} and more, in its settings, then say "
            f"so with --queue {broker.id}=N",
        )


def _devices(site: Site, planned: SitePlan) -> Iterator[Finding]:
    for one in planned.devices:
        if one.verify:
            yield Finding(
                area=one.id,
                what=f"addresses are not proven: {', '.join(one.verify)}",
                endangers="a value may be another one than its name says",
                do="compare each with the device's display, then set verify = false in a copy of "
                "the profile under profiles/",
            )
    shared = Counter(site.endpoint_of(d).host for d in site.devices if d.profile.modbus is not None)
    for device in site.devices:
        modbus = device.profile.modbus
        if modbus is not None and modbus.clients:
            host = site.endpoint_of(device).host
            endpoints = {e.id for e in site.file.endpoint if e.host == host}
            crowded = len(endpoints) > modbus.clients
            yield Finding(
                area=device.id,
                what=f"takes {modbus.clients} client(s) at once"
                + (
                    f", and {len(endpoints)} endpoints of this site are at {host}"
                    if crowded
                    else ""
                ),
                endangers="some of its connections are refused" if crowded else "",
                do=f"let {shared[host]} device(s) at {host} share one endpoint"
                if crowded
                else "keep other programs off it, or culturewatch reads nothing",
            )


def _rules(planned: SitePlan) -> Iterator[Finding]:
    for name in planned.unheard:
        yield Finding(
            area=name,
            what="no rule tells that it is silent",
            endangers="if it dies, nobody is told",
            do="add a rule of kind silence, or default_rules",
        )
    quiet: dict[str, list[str]] = {}
    for name in planned.unwatched:
        device, _, key = name.partition(".")
        quiet.setdefault(device, []).append(key)
    for device, keys in quiet.items():
        yield Finding(
            area=device,
            what=f"no rule watches {', '.join(keys)}",
            do="nothing, if nobody needs to be woken by it",
        )


def _people(site: Site, book: Rulebook) -> Iterator[Finding]:
    paged = {
        name
        for policy in book.policies
        for names in (policy.fallback, *(step.people for step in policy.steps))
        for name in names
    }
    for person in site.file.person:
        # Who has no channel at all is a mistake of the file: load says so.
        if set(person.channels) == {"inbox"} and person.id in paged:
            yield Finding(
                area=f"person {person.id}",
                what="is told on this machine only (inbox)",
                endangers="pages to them wait until somebody looks at the screen",
                do="add mail, sms, voice, pushover or ntfy",
            )
    for policy in book.policies:
        named = {*policy.fallback, *(name for step in policy.steps for name in step.people)}
        if len(named) == 1 and not any(step.rotas for step in policy.steps):
            yield Finding(
                area=f"policy {policy.id}",
                what=f"knows one person, {next(iter(named))}",
                endangers="while they are ill or asleep, nobody else is told",
                do="add a step or a fallback",
            )


def _outside(site: Site, planned: SitePlan) -> Iterator[Finding]:
    if not planned.beats:
        yield Finding(
            area="beat",
            what="no [beat]: nobody elsewhere would miss this site",
            endangers="if this machine or its network dies, nobody is told",
            do="run culturewatch watchdog on another machine, and name it under [beat]",
        )
    if planned.links_to:
        yield Finding(
            area="console",
            what=f"links in pages lead to {planned.links_to}, which opens on this machine only",
            endangers="who is paged cannot acknowledge from a phone",
            do="set console.public_url",
        )
    for broker in site.file.broker:
        if broker.password is not None and broker.tls is None and not is_loopback(broker.host):
            yield Finding(
                area=f"broker {broker.id}",
                what=f"its password goes to {broker.host} without TLS",
                endangers="who reads it on the network can send readings in any device's name",
                do="give the broker a certificate, and this site a tls table for it",
            )
    console = site.file.console
    if not is_loopback(console.host) and not site.public_url.startswith("https://"):
        yield Finding(
            area="console",
            what=f"listens on {console.host} and is reached without TLS ({site.public_url})",
            endangers="passwords and links can be read on the network",
            do='put a proxy with TLS before it, set console.host = "127.0.0.1" and an https '
            "public_url",
        )
