"""``culturewatch vial …``: freeze, store and end vials; whose they are, where, in what danger."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.words import moment
from culturewatch import paths
from culturewatch.cli_entry import opened, zone_named
from culturewatch.cli_options import (
    DEFAULT_SITE,
    AsJson,
    At,
    BatchId,
    Box,
    By,
    CheckedBy,
    Freezer,
    Rack,
    Reason,
    SiteOption,
    VialId,
)
from culturewatch.faults import told
from culturewatch.output import say, say_json
from culturewatch.site import Site, SiteError, load
from devices.duration import Duration
from storage.wall import wall_ms

if TYPE_CHECKING:
    from batches.kinship import Kin
    from batches.placement import Placement

vial_commands = typer.Typer(no_args_is_help=True, help="Freeze, store, find and end cryo vials.")

From = Annotated[str, typer.Option("--from", metavar="TIME", help="ISO 8601; default: now")]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="ISO 8601; default: now")]


@vial_commands.command()
def freeze(
    batch: BatchId,
    *,
    freezer: Freezer,
    rack: Rack,
    box: Box,
    slots: Annotated[str, typer.Option("--slots", help="one for each vial: 1-10 or A1,A2")],
    checked_by: CheckedBy = "",
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Freeze vials of a batch, one into each slot."""
    from batches import vial  # SQLAlchemy is slow to import
    from batches.lineage import Lineage

    try:
        named = vial.slots(slots)
    except ValueError as error:
        raise typer.BadParameter(f"--slots: {error}") from error
    places = [vial.Place(device=freezer, rack=rack, box=box, slot=slot) for slot in named]
    with opened(site) as (ledger, sign):
        act, seen = sign(by, at, reason), sign.second(checked_by)
        for each in Lineage(ledger).freeze(batch, places, act=act, checked_by=seen):
            say(f"{each.id} is frozen in passage P{each.passage}")


@vial_commands.command()
def move(
    vial: VialId,
    *,
    freezer: Freezer,
    rack: Rack,
    box: Box,
    slot: Annotated[str, typer.Option("--slot")],
    checked_by: CheckedBy = "",
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Put a vial into a slot, out of where it is, if anywhere."""
    from batches.lineage import Lineage  # SQLAlchemy is slow to import
    from batches.vial import Place

    with opened(site) as (ledger, sign):
        place = Place(device=freezer, rack=rack, box=box, slot=slot)
        act, seen = sign(by, at, reason), sign.second(checked_by)
        Lineage(ledger).store(vial, place, act=act, checked_by=seen)
        say(f"{vial} is in {place.device} {place.position}")


@vial_commands.command()
def remove(
    vial: VialId,
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Take a vial out of its freezer: until it is stored again, nobody knows its cold."""
    from batches.lineage import Lineage  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        stay = Lineage(ledger).take_out(vial, act=sign(by, at, reason))
        say(f"{vial} has left {stay.device} {stay.position}")


@vial_commands.command()
def thaw(
    vial: VialId,
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Thaw a vial for use; ``batch thaw`` grows its cells again."""
    from batches.lineage import Lineage  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        Lineage(ledger).thaw(vial, act=sign(by, at, reason))
        say(f"{vial} is thawed")


@vial_commands.command()
def dispose(
    vial: VialId,
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter that a vial was destroyed, and why."""
    from batches.lineage import Lineage  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        Lineage(ledger).dispose(vial, act=sign(by, at, reason))
        say(f"{vial} was disposed of")


@vial_commands.command()
def show(vial: VialId, *, as_json: AsJson = False, site: SiteOption = DEFAULT_SITE) -> None:
    """Show a vial and every stay its cells went through, its parents' up to the split."""
    from batches.bank import Bank  # SQLAlchemy is slow to import
    from batches.provenance import Status

    with opened(site) as (ledger, _):
        bank = Bank(ledger)
        found, patient, lived = bank.vial(vial), bank.patient(vial), bank.life(vial)
    if as_json:
        say_json({"vial": found, "patient": patient, "life": lived})
        return
    zone = load(site).zone
    ended = "" if found.ended_at is None else f", {found.ended_how} {moment(found.ended_at, zone)}"
    say(f"{vial}  P{found.passage}  {patient or 'patient not known'}")
    say(f"frozen {moment(found.frozen_at, zone)} by {found.frozen_by}{ended}")
    for each in lived:
        until = "now" if each.end is None else moment(each.end, zone)
        place = f"{each.placement.device} {each.placement.position}".strip()
        where = f"in {place}" if each.status is Status.PLACED else f"on the way, {place}"
        say(f"  {moment(each.start, zone)} to {until}  {each.subject} {where}")


@vial_commands.command()
def warmth(vial: VialId, *, as_json: AsJson = False, site: SiteOption = DEFAULT_SITE) -> None:
    """Sum up how long a vial's cells were warmer than -150 and -135 degC while frozen."""
    from batches.bank import Bank  # SQLAlchemy is slow to import
    from batches.frozen import frozen_life
    from batches.instruments import Instruments
    from culturewatch.parts import rulebook, setting
    from storage.archive.log import LogReader
    from storage.journal import JournalError

    with opened(site) as (ledger, _), told(JournalError):
        loaded = load(site)
        with LogReader(loaded.data) as readings:
            found = frozen_life(
                vial,
                bank=Bank(ledger),
                readings=readings,
                setting=setting(loaded, rulebook(loaded)),
                book=Instruments(ledger).book(),
                now=wall_ms(),
            )
    if as_json:
        say_json(found)
        return
    for each in found.warmth:
        above, unknown = Duration(each.above_ms), Duration(each.unknown_ms)
        say(f"above {each.threshold:g} degC for {above}; not known for {unknown}")


@vial_commands.command()
def genealogy(
    subject: Annotated[
        str, typer.Argument(metavar="ID", help="a vial, batch, biopsy or patient's token")
    ],
    *,
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Show where something comes from, and all that came of it."""
    from batches.bank import Bank  # SQLAlchemy is slow to import

    with opened(site) as (ledger, _):
        bank = Bank(ledger)
        up, down = bank.ancestors(subject), bank.descendants(subject)
    if as_json:
        say_json({"ancestors": up, "descendants": down})
        return
    zone = load(site).zone

    def line(kin: "Kin") -> str:
        when = moment(kin.at, zone)
        return f"  {kin.child} from {kin.parent}  {kin.kind} {when}  (row {kin.row})"

    say(f"{subject} comes from" if up else f"{subject}: nothing is entered of where it comes from")
    for kin in up:
        say(line(kin))
    say("and of it came" if down else "nothing came of it yet")
    for kin in down:
        say(line(kin))


@vial_commands.command("list")
def list_(
    *,
    batch: Annotated[str, typer.Option("--batch", help="the vials frozen of a batch")] = "",
    freezer: Annotated[str, typer.Option("--in", metavar="DEVICE", help="those in a tank")] = "",
    from_: From = "",
    to: To = "",
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Show the vials of a batch, or those that were in a tank between two times."""
    from batches.bank import Bank  # SQLAlchemy is slow to import

    if bool(batch) == bool(freezer):
        raise typer.BadParameter("say --batch BATCH or --in DEVICE, one of them")
    with opened(site) as (ledger, sign):
        bank = Bank(ledger)
        if batch:
            vials = bank.vials(batch)
            if as_json:
                say_json(vials)
            else:
                for vial in vials:
                    say(f"{vial.id}  P{vial.passage}  {vial.ended_how or 'frozen'}")
            return
        loaded = load(site)
        _known_device(loaded, freezer)
        start, end = _between(sign.instant("--from", from_), sign.instant("--to", to))
        stays = bank.vials_in(freezer, start, end)
        if as_json:
            say_json(stays)
        else:
            _print_stays(stays)
            say(f"{len(stays)} vials")


@vial_commands.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="one row a vial; docs/bank-import.md")
    ],
    *,
    zone: Annotated[
        str, typer.Option("--zone", help="of times without an offset, such as Europe/Zurich")
    ] = "",
    product: Annotated[
        str, typer.Option("--product", help="of batches for which the file says none")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="check, and enter nothing")] = False,
    as_json: AsJson = False,
    by: By = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter an existing bank: all of it, or nothing and every mistake by row and column."""
    from batches.bank_csv import BankFileError, Said  # only here
    from batches.bank_import import import_bank

    with opened(site) as (ledger, sign), told(BankFileError):
        said = Said(
            zone=zone_named(zone),
            product=product,
            devices=[device.id for device in load(site).devices],
            now=ledger.clerk.now(),
        )
        act = sign(by, "", reason)
        try:
            found = import_bank(file, said, ledger=ledger, act=act, dry=dry_run)
        except BankFileError as error:
            if as_json:
                say_json({"mistakes": error.mistakes})
            raise
    if as_json:
        say_json(found)
        return
    done = "were entered" if found.kept else "could be entered; nothing was"
    say(
        f"{found.vials} vials, {found.batches} new batches and {found.patients} new patients {done}"
    )


@vial_commands.command()
def endangered(
    what: Annotated[str, typer.Argument(metavar="DEVICE|RULE", help="a device, or a rule's alarm")],
    *,
    from_: From = "",
    to: To = "",
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Show which batches and vials stand in a device, or did while a rule's last alarm was on."""
    from batches.bank import Bank  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        loaded = load(site)
        device, began, cleared = _threat(loaded, what)
        given = sign.instant("--from", from_), sign.instant("--to", to)
        start, end = _between(
            began if given[0] is None else given[0], cleared if given[1] is None else given[1]
        )
        found = Bank(ledger).endangered(device, start, end)
    if as_json:
        say_json(found)
        return
    zone = loaded.zone
    say(f"{device}, {moment(start, zone)} to {moment(end, zone)}")
    _print_stays((*found.batches, *found.vials))
    say(
        f"{len(found.batches)} batches and {len(found.vials)} vials of "
        f"{len(found.patients)} patients"
    )
    if found.unknown:
        say(f"whose these are is not entered: {', '.join(found.unknown)}")


def _threat(site: Site, what: str) -> tuple[str, int | None, int | None]:
    """The device, and from when to when: now, or the last alarm of a rule."""
    if any(device.id == what for device in site.devices):
        return what, None, None
    from alerts.reader import AlarmReader  # only for a rule
    from alerts.schema import StoreError
    from batches.episode import device_of, episodes

    with told(StoreError), AlarmReader(paths.alarms(site.data)) as alarms:
        channels = {channel for rule, channel in alarms.alarmed() if rule == what}
        devices = {device_of(channel) for channel in channels}
        mine = [e for e in episodes(alarms, devices, wall_ms() + 1) if e.rule == what]
    if not mine:
        known = ", ".join(sorted(device.id for device in site.devices))
        raise SiteError([f"{what!r} is no device and no rule with an alarm; devices: {known}"])
    last = max(mine, key=lambda episode: episode.set_at)
    return last.device, last.began, last.cleared_at


def _between(start: int | None, end: int | None) -> tuple[int, int]:
    until = wall_ms() if end is None else end
    since = until if start is None else start
    if until < since:
        raise SiteError(["--to lies before --from"])
    # One instant is a span of a millisecond: what was there then.
    return since, max(until, since + 1)


def _known_device(site: Site, device: str) -> None:
    known = sorted(each.id for each in site.devices)
    if device not in known:
        raise SiteError([f"{device!r} is not a device of this site; known: {', '.join(known)}"])


def _print_stays(stays: Sequence["Placement"]) -> None:
    for stay in stays:
        say(f"{stay.batch}  {stay.device} {stay.position}".rstrip())
