"""The servers a site leans on: brokers, InfluxDB, the ledger, the rota's calendars."""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import replace

from alerts.schema import StoreError
from batches.ledger import Ledger
from collector.errors import LinkError
from collector.mqtt_link import Link
from console.oidc.why import OidcError
from culturewatch import paths
from culturewatch.doctor.finding import Finding
from culturewatch.parts import broker_settings, influx_settings
from culturewatch.rota_view import rota_views
from culturewatch.sign_on import sign_on
from culturewatch.site import Site
from devices.duration import Duration
from storage.database import DatabaseError
from storage.endpoint import WriteEndpoint
from storage.verdict import Fate

ROTA_DAYS_MS = 14 * 86_400_000


async def brokers(site: Site) -> list[Finding]:
    """Whether each broker that is needed lets us in. Nothing is subscribed to.

    Under another client id than the core's: with that, the core would be thrown out.
    """
    found = []
    for broker in site.file.broker:
        if not site.behind(broker):
            continue
        name = f"culturewatch-doctor-{uuid.uuid4().hex[:8]}"
        settings = replace(broker_settings(site, broker), client_id=name)
        try:
            async with Link(settings, lambda _, __: None, lambda: 0):
                pass
        except LinkError as error:
            found.append(
                Finding(
                    area=f"broker {broker.id}",
                    what=f"{settings.address}: {error}",
                    endangers="its devices are not heard",
                    do="see that it runs, and that user and password are right",
                )
            )
        if broker.protocol == "3.1.1":
            found.append(
                Finding(
                    area=f"broker {broker.id}",
                    what="is spoken to in MQTT 3.1.1, which cannot ask how long it keeps a session",
                    do='use protocol = "5" where it can; for Mosquitto see '
                    "persistent_client_expiration",
                )
            )
    return found


async def influx(site: Site) -> list[Finding]:
    """Whether the token may write into the bucket, and how long that keeps what it gets."""
    settings = influx_settings(site)
    if settings is None:
        return []
    area = f"InfluxDB {settings.url}"
    endpoint = WriteEndpoint(
        settings.url,
        org=settings.org,
        bucket=settings.bucket,
        token=settings.token,
        connections=1,
    )
    async with endpoint:
        rights = await endpoint.rights()
    if rights.fate is not Fate.STORED:
        return [
            Finding(
                area=area,
                what=f"does not take points for {settings.bucket!r}: {rights.reason}",
                endangers="dashboards stay empty (readings and alarms do not depend on it)",
                do="see that it runs, that the bucket is there, and that the token may write it",
            )
        ]
    if rights.keeps_s is None:
        return [
            Finding(
                area=area,
                what="the token may not see the bucket, so how long it keeps points is not known",
                do="nothing; a token that can only write is the safer one",
            )
        ]
    if rights.keeps_s:
        kept = Duration(rights.keeps_s * 1000)
        return [
            Finding(
                area=area,
                what=f"the bucket {settings.bucket!r} forgets after {kept}",
                do="nothing is lost: culturewatch influx rebuild brings it back from the archive",
            )
        ]
    return []


async def provider(site: Site) -> list[Finding]:
    """Whether people can log in by the provider of identities."""
    told = sign_on(site)
    if told is None:
        return []
    from console.oidc.provider import Provider  # noqa: PLC0415 # Authlib is an extra

    try:
        await Provider(told).look()
    except OidcError as error:
        return [
            Finding(
                area="console sign-on",
                what=str(error),
                endangers="nobody logs in by the provider (passwords of the ledger go on working)",
                do="see that [console.oidc] names it rightly and that this machine reaches it",
            )
        ]
    return []


def ledger(site: Site) -> Iterator[Finding]:
    """Whether the ledger can be read."""
    own = paths.ledger_url(site.data)
    if site.ledger_url == own and not site.data.is_dir():
        # Looking must not make one: what nobody entered is not there.
        yield Finding(area="ledger", what="there is none yet", do="culturewatch user bootstrap")
        return
    try:
        found = Ledger(site.ledger_url)
        has_people = found.has_people()
        found.database.close()
    except DatabaseError as error:
        yield Finding(
            area="ledger",
            what=str(error),
            endangers="batches cannot be entered, and pages do not say what is at risk",
            do="see that its database can be reached",
        )
        return
    if not has_people:
        yield Finding(
            area="ledger",
            what="it knows no people: whoever types an act is believed to be who they say",
            endangers="nobody can prove later who did what",
            do="culturewatch user bootstrap",
        )


def rotas(site: Site, now: int) -> Iterator[Finding]:
    """Gaps and strangers of the next fourteen days."""
    names = [rota.id for rota in site.file.rota]
    try:
        views = rota_views(site, names, now=now, until=now + ROTA_DAYS_MS)
    except StoreError as error:
        yield Finding(
            area="rota",
            what=str(error),
            endangers="who is on call cannot be told",
            do="see that the folder of data can be read",
        )
        return
    for view in views:
        for problem in view.problems:
            yield Finding(
                area=f"rota {view.rota}",
                what=problem,
                endangers="pages go to the fallback, or to nobody",
                do="fill it: culturewatch rota override, or the calendar",
            )


def ask_all(site: Site, now: int) -> list[Finding]:
    """All of them, one after another; each wait is bounded by its client."""

    async def over_the_network() -> list[Finding]:
        return [*await brokers(site), *await influx(site), *await provider(site)]

    return [*asyncio.run(over_the_network()), *ledger(site), *rotas(site, now)]
