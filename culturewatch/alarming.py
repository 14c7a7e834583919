"""The alarm engine over the journal, and the sender of its pages, wired for a site."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from alerts.auditor import Auditor, Glance
from alerts.directory import Directory
from alerts.dispatch import Claim
from alerts.emergency import Emergency
from alerts.engine.engine import Engine
from alerts.engine.memory import rulebook_of
from alerts.notice import Notice
from alerts.outbox import Outbox, wall_ms
from alerts.pace import Pace
from alerts.page import Composer
from alerts.rule import Rule
from alerts.rulebook import Rulebook, encode
from alerts.service import AlarmService
from alerts.store import AlarmStore, Caused, Saved
from alerts.token import TokenDesk, load_key
from culturewatch.at_risk import AtRisk
from culturewatch.blindness import Blindness
from culturewatch.everybody import Everybody, named
from culturewatch.paths import token_key
from culturewatch.reach import notifiers
from culturewatch.sirens import Sirens
from culturewatch.site import Site
from culturewatch.troubles import Troubles
from storage.journal import Journal


class Alarming:
    """Judges what the journal holds, and tells people. Made by ``alarming``."""

    def __init__(
        self,
        *,
        service: AlarmService,
        outbox: Outbox,
        emergency: Emergency,
        blindness: Blindness,
        auditor: Auditor,
        sirens: Sirens | None,
    ) -> None:
        self.service = service
        self.emergency = emergency
        self.blindness = blindness
        self.auditor = auditor
        self.sirens = sirens
        self.outbox = outbox

    async def send(self) -> None:
        """Send pages; those that later entries take back are not sent, so first catch up."""
        await self.service.caught_up.wait()
        await self.outbox.run()


@asynccontextmanager
async def alarming(
    site: Site,
    book: Rulebook,
    *,
    journal: Journal,
    store: AlarmStore,
    at_risk: AtRisk,
    troubles: Troubles,
    stamp: Callable[[], int],
) -> AsyncIterator[Alarming]:
    """The alarms of ``site``, where they left off, while its notifiers are open.

    ``stamp`` is the clock of the readings.

    Raises:
        alerts.token.KeyFileError: the key that signs links cannot be used.
        alerts.schema.StoreError: the store cannot be read.
    """
    saved = await _judged_by_the_rules_of_then(site, book, journal=journal, store=store)
    engine = Engine(book, saved.parts)
    directory = Directory(site.file.person, site.file.policy, _finder(engine))
    composer = Composer(
        directory,
        book.channels,
        at_risk=at_risk.in_device,
        place_of=_placer(site),
        link_of=_linker(site),
        zone=site.zone,
    )
    glance = Glance(store.path)
    async with notifiers(site) as ways, glance:
        outbox = Outbox(
            store,
            ways,
            composer,
            directory,
            pace=Pace(bundle_ms=int(site.file.site.bundle)),
            on_trouble=troubles.hear,
        )
        emergency = Emergency(ways, composer, directory, on_trouble=troubles.say)

        def committed(caused: Sequence[Caused]) -> None:
            emergency.stored(caused)
            outbox.wake()

        service = AlarmService(
            journal,
            engine,
            store,
            directory,
            cursor=saved.cursor,
            committed=committed,
            unstored=emergency.take,
            on_trouble=troubles.say,
            stamp=stamp,
            handed=emergency.handed,
        )
        blindness = Blindness(
            lambda: journal.stats,
            ways,
            directory,
            site.file.policy,
            site=site.file.site.name,
            on_trouble=troubles.say,
        )
        auditor = Auditor(glance.look, now=wall_ms, on_trouble=troubles.say)
        everybody = Everybody(ways, directory, named(site.file.policy), on_trouble=troubles.say)
        yield Alarming(
            service=service,
            outbox=outbox,
            emergency=emergency,
            blindness=blindness,
            auditor=auditor,
            sirens=_sirens(site, service, everybody, troubles),
        )


async def _judged_by_the_rules_of_then(
    site: Site, book: Rulebook, *, journal: Journal, store: AlarmStore
) -> Saved:
    """The state to go on from. What a killed core left unjudged falls under the rules it ran with.

    Otherwise the history would not be what the journal, replayed, gives.
    """
    saved = await store.load()
    before = rulebook_of(saved.parts)
    if before is None or encode(before) == encode(book):
        return saved
    engine = Engine(before, saved.parts)
    directory = Directory(site.file.person, site.file.policy, _finder(engine))
    await AlarmService(journal, engine, store, directory, cursor=saved.cursor).catch_up()
    return await store.load()


def _sirens(
    site: Site, service: AlarmService, everybody: Everybody, troubles: Troubles
) -> Sirens | None:
    if not site.file.annunciator:
        return None
    return Sirens(
        site.file.annunciator,
        service.open_alarms,
        everybody,
        site=site.file.site.name,
        on_trouble=troubles.say,
    )


def _finder(engine: Engine) -> Callable[[str], Rule | None]:
    def rule_of(rule: str) -> Rule | None:
        try:
            return engine.rule(rule)
        except KeyError:
            return None

    return rule_of


def _placer(site: Site) -> Callable[[str], str]:
    declared = {device.id: device.declared for device in site.devices}

    def place_of(device: str) -> str:
        """Where somebody who is woken has to go."""
        found = declared.get(device)
        own = (found.name, found.location) if found is not None else ()
        return ", ".join(part for part in (*own, site.file.site.name) if part)

    return place_of


def _linker(site: Site) -> Callable[[Claim], str]:
    # The console asks whether a link was used; who makes links need not.
    desk = TokenDesk(load_key(token_key(site.data)), used=lambda _: False)

    def link_of(claim: Claim) -> str:
        person = claim.way.person
        if claim.notice is Notice.SUMMARY:
            token = desk.make_all(person=person, summary=claim.row, arrived=claim.arrived)
        else:
            token = desk.make(
                person=person,
                rule=claim.rule,
                occurrence=claim.occurrence,
                severity=claim.severity,
            )
        return f"{site.public_url}/ack/{token}"

    return link_of
