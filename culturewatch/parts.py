"""What a site's file means to each part: channels, polls, subscriptions, rules, equipment."""

from alerts import defaults
from alerts.channel import ChannelSpec
from alerts.rulebook import Placed, Rulebook, RuleError
from alerts.rulebook import load as load_rules
from batches.setting import Equipment, Setting, equipment
from collector.http import HttpDevice
from collector.line import LineDevice
from collector.mqtt_settings import BrokerSettings, Subscription, TlsFiles
from collector.unit import ModbusDevice
from culturewatch import itself, own_state
from culturewatch.site import Site, SiteDevice, SiteError
from culturewatch.site_file import Broker, BrokerTls
from devices import document
from devices.dialects.address import joined
from devices.profile import Channel, layout
from storage.influx import InfluxSettings

VERSION = itself.version()
SYSTEM = "system"
"""The set of default rules on the program itself."""


def channel_specs(site: Site) -> tuple[ChannelSpec, ...]:
    """Every channel of the site, as the alarm engine must know it; last those of its own."""
    measured = tuple(
        _spec(device, channel) for device in site.devices for channel in device.profile.channels
    )
    return measured + own_state.channel_specs()


def default_rules(site: Site) -> tuple[Placed, ...]:
    """The shipped rules that are in force at the site, before its own take their places."""
    wanted = site.file.site.default_rules
    sets = {d.id: d.default_rules for d in site.devices if d.default_rules in wanted}
    if SYSTEM in wanted:
        sets[itself.DEVICE] = SYSTEM
    behind = {d.id: d.declared.behind for d in site.devices if d.declared.behind}
    return defaults.placed(sets, channel_specs(site), behind)


def rulebook(site: Site) -> Rulebook:
    """The site's rules and the shipped ones it wants, over its channels and checked.

    Raises:
        SiteError: the rules cannot be used; every mistake is listed.
    """
    paths = sorted(site.rules.glob("*.toml"))
    shipped = default_rules(site)
    if not paths and not shipped:
        raise SiteError(
            [f"{site.rules}: there is no rule (*.toml) there; without one nobody is ever paged"]
        )
    try:
        book = load_rules(
            paths,
            channels=channel_specs(site),
            policies=site.file.policy,
            people=site.file.person,
            defaults=shipped,
        )
    except RuleError as error:
        raise SiteError(str(error).splitlines()) from error
    if not book.rules:
        raise SiteError(
            [f"{site.rules}: its files hold no [[rule]]; without one nobody is ever paged"]
        )
    return book


def modbus_devices(site: Site) -> tuple[ModbusDevice, ...]:
    """The devices that are polled over Modbus."""
    found = []
    for device in site.devices:
        if device.profile.modbus is None:
            continue
        found.append(
            ModbusDevice(
                layout=layout(device.id, device.profile),
                profile=device.profile,
                address=site.address_of(device),
                unit=device.unit,
                period=device.period,
            )
        )
    return tuple(found)


def line_devices(site: Site) -> tuple[LineDevice, ...]:
    """The devices that speak in lines of text."""
    return tuple(
        LineDevice(
            layout=layout(device.id, device.profile),
            profile=device.profile,
            address=site.address_of(device),
            unit=device.unit,
            period=device.period,
        )
        for device in site.devices
        if device.profile.line is not None
    )


def http_devices(site: Site) -> tuple[HttpDevice, ...]:
    """The devices that answer HTTP."""
    return tuple(
        HttpDevice(
            layout=layout(device.id, device.profile),
            profile=device.profile,
            host=site.endpoint_of(device).host,
            port=site.port_of(device),
            period=device.period,
        )
        for device in site.devices
        if device.profile.http is not None
    )


def broker_settings(site: Site, broker: Broker) -> BrokerSettings:
    """How a broker is reached, with its password."""
    return BrokerSettings(
        id=broker.id,
        host=broker.host,
        port=broker.port,
        protocol=broker.protocol,
        client_id=broker.client_id or f"culturewatch-{site.file.site.id}-{broker.id}",
        username=broker.username,
        password=site.reveal(broker.password),
        tls=_tls(site, broker.tls),
    )


def _tls(site: Site, declared: BrokerTls | None) -> TlsFiles | None:
    if declared is None:
        return None
    files = (declared.ca, declared.certificate, declared.key)
    ca, certificate, key = (site.base / name if name else None for name in files)
    return TlsFiles(
        ca=ca, certificate=certificate, key=key, key_password=site.reveal(declared.key_password)
    )


def subscriptions(site: Site, broker: Broker) -> dict[str, Subscription]:
    """What is expected at each address of a broker."""
    return {
        joined(device.declared.topic, device.declared.sensor): Subscription(
            layout(device.id, device.profile), device.profile, int(device.period)
        )
        for device in site.behind(broker)
    }


def influx_settings(site: Site) -> InfluxSettings | None:
    """Where readings are forwarded to, if anywhere.

    Raises:
        SiteError: the settings cannot work.
    """
    declared = site.file.influx
    if declared is None:
        return None
    try:
        return InfluxSettings(
            url=declared.url,
            org=declared.org,
            bucket=declared.bucket,
            token=site.reveal(declared.token),
        )
    except ValueError as error:
        line = document.line_of(site.path.read_text(encoding="utf-8"), "influx.url")
        raise SiteError([f"{site.path}:{line}: {error}"]) from error


def setting(site: Site, book: Rulebook) -> Setting:
    """What is in force at the site, for a batch record."""
    return Setting(
        site=site.file.site.name,
        time_zone=site.file.site.time_zone,
        equipment=devices(site),
        rules=book.rules,
        software=VERSION,
        configuration=site.digest,
    )


def devices(site: Site) -> tuple[Equipment, ...]:
    """What its devices measure, and how often."""
    return tuple(
        equipment(
            device.id,
            device.profile,
            called=device.declared.profile,
            period=int(device.period),
            name=device.declared.name,
        )
        for device in site.devices
    )


def _spec(device: SiteDevice, channel: Channel) -> ChannelSpec:
    convert = channel.stored.convert
    low, high = (convert(edge) for edge in channel.range)
    return ChannelSpec(
        id=f"{device.id}.{channel.key}",
        quantity=channel.quantity,
        period_ms=int(device.period),
        resolution=abs(channel.resolution * channel.stored.factor),
        range=(low, high),
    )
