"""``culturewatch vial ship …``: vials that go to another place, and what goes with them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batches.vial import Place, slots
from console.words import moment
from culturewatch.cli_entry import opened
from culturewatch.cli_options import (
    DEFAULT_SITE,
    AsJson,
    At,
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
from culturewatch.site import load
from storage.wall import wall_ms

if TYPE_CHECKING:
    from batches.cryo import Warmth
    from batches.custody import Handover
    from batches.ledger import Ledger
    from batches.transit import Shipment
    from culturewatch.site import Site

shipping_commands = typer.Typer()
ShipmentId = Annotated[str, typer.Argument(metavar="SHIPMENT", help="as vial ship said")]
Vials = Annotated[
    list[str] | None, typer.Argument(metavar="VIAL...", help="default: all that is on the way")
]
Condition = Annotated[
    str, typer.Option("--condition", help="what the vials were like: frozen, intact, seal no.")
]
Logger = Annotated[
    str, typer.Option("--logger", metavar="ID", help="the logger that travelled with them")
]


@shipping_commands.command()
def ship(
    vials: Annotated[list[str] | None, typer.Argument(metavar="VIAL...")] = None,
    *,
    to: Annotated[str, typer.Option("--to", metavar="SITE", help="where they go")],
    carrier: Annotated[str, typer.Option("--carrier", help="who carries them")],
    shipper: Annotated[str, typer.Option("--shipper-id", help="the number of the container")],
    freezer: Annotated[
        str, typer.Option("--in", metavar="DEVICE", help="all that stand in a tank")
    ] = "",
    batch: Annotated[str, typer.Option("--batch", help="all that are left of a batch")] = "",
    logger: Logger = "",
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Send vials, or a whole bank, to another place: they leave their slots and are on the way."""
    from batches.bank import Bank  # SQLAlchemy is slow to import
    from batches.shipping import Shipping

    if sum(map(bool, (vials, freezer, batch))) != 1:
        raise typer.BadParameter("say which: VIAL..., --in DEVICE or --batch BATCH, one of them")
    with opened(site) as (ledger, sign):
        act = sign(by, at, reason)
        bank, when = Bank(ledger), wall_ms() if act.at is None else act.at
        chosen = list(vials or ())
        if freezer:
            chosen = [stay.batch for stay in bank.vials_in(freezer, when, when + 1)]
        elif batch:
            chosen = [vial.id for vial in bank.vials(batch) if vial.ended_at is None]
        sent = Shipping(ledger).ship(
            chosen,
            origin=load(site).file.site.id,
            to=to,
            carrier=carrier,
            shipper=shipper,
            act=act,
            logger=logger,
        )
        say(f"{sent.id}: {_count(sent)} on the way to {to}")


@shipping_commands.command()
def receive(
    shipment: ShipmentId,
    vials: Vials = None,
    *,
    freezer: Freezer,
    condition: Condition,
    rack: Rack = "",
    box: Box = "",
    slot_names: Annotated[str, typer.Option("--slots", help="one for each: 1-10 or A1,A2")] = "",
    as_before: Annotated[
        bool, typer.Option("--as-before", help="into the positions they had before")
    ] = False,
    logger: Logger = "",
    checked_by: CheckedBy = "",
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Take vials of a shipment in, each into a slot; another person does it than sent them."""
    from batches.shipping import Shipping  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        shipping = Shipping(ledger)
        sent = shipping.shipment(shipment)
        named = list(vials or ()) or [each.vial for each in sent.journeys if each.end is None]
        if as_before:
            positions = shipping.last_places(named)
            places = {vial: _as_it_was(vial, freezer, positions.get(vial, "")) for vial in named}
        else:
            places = _in_order(named, freezer, rack, box, slot_names)
        shipping.receive(
            shipment,
            places,
            state=condition,
            act=sign(by, at, reason),
            checked_by=sign.second(checked_by),
            logger=logger,
        )
        for vial, place in places.items():
            say(f"{vial} is in {place.device} {place.position}")


@shipping_commands.command()
def delivered(
    shipment: ShipmentId,
    vials: Vials = None,
    *,
    condition: Condition,
    logger: Logger = "",
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter that vials arrived at a site with a ledger of its own; here their life ends."""
    from batches.shipping import Shipping  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        act = sign(by, at, reason)
        sent = Shipping(ledger).deliver(
            shipment, vials or (), state=condition, act=act, logger=logger
        )
        say(f"{shipment}: {_count(sent)} on the way still; what arrived lives on in its ledger")


@shipping_commands.command()
def lost(
    shipment: ShipmentId,
    vials: Vials = None,
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter that vials of a shipment never arrived, and how that is known."""
    from batches.shipping import Shipping  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        sent = Shipping(ledger).lose(shipment, vials or (), act=sign(by, at, reason))
        say(f"{shipment}: {_count(sent)} on the way still; what was lost has ended")


@shipping_commands.command()
def refuse(
    shipment: ShipmentId,
    vials: Vials = None,
    *,
    condition: Condition,
    logger: Logger = "",
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter that vials were not taken in, and why; then move, ship or dispose of them."""
    from batches.shipping import Shipping  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        act = sign(by, at, reason)
        sent = Shipping(ledger).refuse(
            shipment, vials or (), state=condition, act=act, logger=logger
        )
        say(f"{shipment}: {_count(sent)} on the way still; what was refused is in no store now")


@shipping_commands.command()
def shipment(
    shipment_id: ShipmentId, *, as_json: AsJson = False, site: SiteOption = DEFAULT_SITE
) -> None:
    """Show a shipment and what became of each vial in it."""
    from batches.shipping import Shipping  # SQLAlchemy is slow to import

    with opened(site) as (ledger, _):
        sent = Shipping(ledger).shipment(shipment_id)
    if as_json:
        say_json(sent)
        return
    zone = load(site).zone
    say(f"{sent.id}  {sent.origin} to {sent.destination}, {sent.carrier}, {sent.shipper}")
    for each in sent.journeys:
        became = "on the way" if each.end is None else f"{each.outcome} {moment(each.end, zone)}"
        took = f" by {each.took}: {each.state}" if each.took else ""
        say(f"  {each.vial}  given {moment(each.start, zone)} by {each.gave}, {became}{took}")


@shipping_commands.command()
def custody(vial: VialId, *, as_json: AsJson = False, site: SiteOption = DEFAULT_SITE) -> None:
    """Show the chain of custody of a vial: every hand-over, who gave, who took, when."""
    from batches.bank import Bank  # SQLAlchemy is slow to import
    from batches.custody import Custody

    with opened(site) as (ledger, _):
        Bank(ledger).vial(vial)
        chain = Custody(ledger).of(vial)
    if as_json:
        say_json(chain)
        return
    zone = load(site).zone
    for each in chain:
        say(f"{moment(each.at, zone)}  {_told(each)}")


@shipping_commands.command()
def manifest(
    shipment_id: ShipmentId,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.json", help="the file to make")],
    by: By = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Write what goes with a shipment to a site with a ledger of its own; it accepts the file."""
    from batches import consignment  # SQLAlchemy is slow to import
    from batches.trail import Note
    from culturewatch.leaving import BEGUN, leaving
    from storage.journal import JournalError

    with opened(site) as (ledger, sign), told(JournalError):
        maker = sign(by, "", "").by
        ledger.authorise("export", shipment_id, maker)
        warmth = _warmth(load(site), ledger, shipment_id)
        made = consignment.consign(shipment_id, ledger=ledger, warmth=warmth, by=maker)
        note = Note(
            kind="export",
            by=maker,
            subject=shipment_id,
            area="export",
            item=out.name,
            outcome=BEGUN,
        )
        with leaving(ledger, note) as leave:
            sha256 = consignment.write(made, out)
            leave.conclude(f"{len(made.vials)} vials into {out.name}", sha256)
        say(f"{out}: {len(made.vials)} vials, SHA-256 {sha256}")
        say("tell the other site this SHA-256 by another way than the file takes")


@shipping_commands.command()
def accept(
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="from the other site")],
    *,
    sha256: Annotated[str, typer.Option("--sha256", help="as the other site told it")] = "",
    by: By = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter what another site sent as on the way here; vial receive takes it in.

    A vial that was delivered to another site from here comes back so as well.
    """
    from batches.accession import Accession  # SQLAlchemy is slow to import
    from batches.consignment import ConsignmentError, read

    with opened(site) as (ledger, sign), told(ConsignmentError):
        sealed = read(file)
        if sha256 and sha256.strip().lower() != sealed.sha256:
            raise ConsignmentError(
                f"{file}: its SHA-256 is {sealed.sha256}, not what the other site told; do not "
                "use it, and ask them"
            )
        here = load(site).file.site.id
        sent = Accession(ledger).accept(sealed, site=here, act=sign(by, "", reason))
        say(f"{sent.id}: {_count(sent)} on the way here from {sent.origin}")
        noted = sealed.consignment.head
        say(f"its SHA-256 is {sealed.sha256}")
        say(f"the ledger of {sent.origin} stood at row {noted.sequence}, {noted.hash}")


def _warmth(site: "Site", ledger: "Ledger", shipment_id: str) -> "dict[str, tuple[Warmth, ...]]":
    from batches.bank import Bank  # SQLAlchemy is slow to import
    from batches.frozen import Measured, frozen_life
    from batches.instruments import Instruments
    from batches.shipping import Shipping
    from culturewatch.parts import rulebook, setting
    from storage.archive.log import LogReader

    measured: Measured = {}
    force = setting(site, rulebook(site))
    book = Instruments(ledger).book()
    with LogReader(site.data) as readings:
        return {
            each.vial: frozen_life(
                each.vial,
                bank=Bank(ledger),
                readings=readings,
                setting=force,
                book=book,
                now=each.start,
                measured=measured,
            ).warmth
            for each in Shipping(ledger).shipment(shipment_id).journeys
            if each.end is None
        }


def _in_order(
    vials: Sequence[str], freezer: str, rack: str, box: str, named: str
) -> dict[str, Place]:
    try:
        free = slots(named)
    except ValueError as error:
        raise typer.BadParameter(f"--slots: {error}") from error
    if len(free) != len(vials):
        raise typer.BadParameter(f"--slots names {len(free)} slots for {len(vials)} vials")
    places = (Place(device=freezer, rack=rack, box=box, slot=slot) for slot in free)
    return dict(zip(vials, places, strict=True))


def _as_it_was(vial: str, freezer: str, position: str) -> Place:
    parts = position.split("/")
    if len(parts) != 3:  # noqa: PLR2004 # rack, box, slot
        raise typer.BadParameter(f"--as-before: {vial} had no position here; say --slots")
    return Place(device=freezer, rack=parts[0], box=parts[1], slot=parts[2])


def _told(each: "Handover") -> str:
    where = f"{each.site}: " if each.site else ""
    hands = f"{each.gave or '-'} -> {each.took or '-'}"
    notes = [note for note in (each.state, each.reason) if note]
    void = "  (corrected or taken back since)" if each.void else ""
    return f"{where}{each.what}  {hands}  {'; '.join(notes)}".rstrip() + f"  (row {each.row}){void}"


def _count(sent: "Shipment") -> str:
    number = sum(each.end is None for each in sent.journeys)
    return "1 vial" if number == 1 else f"{number} vials"
