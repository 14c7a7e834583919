"""A report as a mail: text, HTML, and PDF/A pages where it is more than a day's list."""

from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape

from alerts.notify.mail import Attached
from alerts.notify.notifier import Message
from batches.export.listing import Listing, Table
from batches.export.paper.sheet import Facts, Section, Sheet, cell, table
from batches.export.paper.sheet import Table as Printed
from culturewatch.reports import records
from culturewatch.reports.facts import Told
from culturewatch.reports.schedule import Period
from culturewatch.site import Site
from culturewatch.site_file import ReportTable

KIND = "report"
_CELL = "padding:2px 10px 2px 0;text-align:left;vertical-align:top"


def message(site: Site, report: ReportTable, told: Told, period: Period, person: str) -> Message:
    """The mail to ``person``; its id is the same for each attempt."""
    address = next(one.addresses.get("mail", "") for one in site.file.person if one.id == person)
    # Never coloured by what somebody typed: a subject is one line.
    subject = " ".join(f"{site.file.site.name}: {told.listing.title}".split())
    return Message(
        id=f"report-{site.file.site.id}-{report.id}-{period.start}-{person}",
        kind=KIND,
        person=person,
        address=address,
        subject=f"{subject} (see what is open)" if told.urgent else subject,
        text=text(told.listing),
        html=html(told.listing),
    )


def text(listing: Listing) -> str:
    """As a mail program without HTML shows it."""
    return "\n".join(_lines(listing)) + "\n"


def _lines(listing: Listing) -> Iterator[str]:
    yield listing.title
    yield "=" * len(listing.title)
    yield from (f"{name}: {said}" for name, said in listing.facts)
    for item in listing.open_items:
        yield f"! {item}"
    for one in listing.tables:
        yield ""
        yield one.title
        yield "-" * len(one.title)
        yield " | ".join(one.columns)
        for row in one.rows:
            yield " | ".join(" ".join(part.split()) for part in row).rstrip(" |")


def html(listing: Listing) -> str:
    """As other mail programs show it: nothing is fetched from elsewhere."""
    facts = "".join(
        f'<tr><th style="{_CELL}">{escape(name)}</th><td style="{_CELL}">{escape(said)}</td></tr>'
        for name, said in listing.facts
    )
    items = "".join(f"<li>{escape(item)}</li>" for item in listing.open_items)
    tables = "".join(_html_table(one) for one in listing.tables)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(listing.title)}</title></head>"
        '<body style="font-family:sans-serif;font-size:15px;color:#1a1a1a">'
        f"<h1>{escape(listing.title)}</h1><table>{facts}</table>"
        + (f"<h2>To be looked at</h2><ul>{items}</ul>" if items else "")
        + f"{tables}</body></html>"
    )


def _html_table(one: Table) -> str:
    head = "".join(f'<th style="{_CELL}">{escape(column)}</th>' for column in one.columns)
    rows = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{escape(part)}</td>' for part in row) + "</tr>"
        for row in one.rows
    )
    return f"<h2>{escape(one.title)}</h2><table><tr>{head}</tr>{rows}</table>"


def whole(
    site: Site,
    report: ReportTable,
    own: Told,
    period: Period,
    *,
    now: int,
    most: int = records.MOST_BYTES,
) -> tuple[Told, tuple[Attached, ...]]:
    """What the mail says and what goes with it: of ``most`` bytes, where its ``own`` pages allow.

    Raises:
        batches.export.pdf.LayoutError: the pages cannot be set.
    """

    def made(room: int) -> tuple[Told, tuple[Attached, ...], int]:
        with_it = records.enclosed(site, report, period, room=room)
        told = records.told_of(own, with_it)
        files = attached(site, report, told, period, now=now, enclosed=with_it.files)
        size = sum(len(one.content) for one in files)
        size += sum(len(said(told.listing).encode()) for said in (text, html))
        return told, files, size - sum(len(one.content) for one in with_it.files)

    told, files, taken = made(most)
    enclosed = sum(len(one.content) for one in files[1:])
    if enclosed and taken + enclosed > most:
        told, files, _ = made(most - taken)
    return told, files


def attached(
    site: Site,
    report: ReportTable,
    told: Told,
    period: Period,
    *,
    now: int,
    enclosed: tuple[Attached, ...] = (),
) -> tuple[Attached, ...]:
    """The pages of a week or a month, then what is ``enclosed``; what is silenced has none.

    Raises:
        batches.export.pdf.LayoutError: the pages cannot be set.
    """
    if report.kind == "silenced":
        return ()
    first = datetime.fromtimestamp(period.start / 1000, site.zone).date()
    name = f"{report.kind}-{report.device or site.file.site.id}-{first}.pdf"
    return (Attached(name, "pdf", pdf(site, told.listing, now=now)), *enclosed)


def pdf(site: Site, listing: Listing, *, now: int) -> bytes:
    """The listing on pages, made at ``now`` (epoch ms).

    Raises:
        batches.export.pdf.LayoutError: the pages cannot be set.
    """
    from batches.export.chart import FONTS, printable, width  # noqa: PLC0415 # matplotlib takes a second
    from batches.export.glyphs import Glyphs  # noqa: PLC0415
    from batches.export.pdf import pdf as set_pages  # noqa: PLC0415

    return set_pages(sheet(site, listing, now), Glyphs(printable(), width), FONTS, at=now)


def sheet(site: Site, listing: Listing, now: int) -> Sheet:
    """What stands on the pages."""
    made = datetime.fromtimestamp(now / 1000, UTC)
    return Sheet(
        title=listing.title,
        kind="Report",
        subject=listing.title,
        about="Not a batch record: nobody has reviewed or signed it.",
        site=site.file.site.name,
        footer=f"{site.file.site.name}: {listing.title}",
        author="culturewatch",
        made=(made.year, made.month, made.day, made.hour, made.minute, made.second),
        answers=(),
        summary=Facts(tuple((name, cell(said)) for name, said in listing.facts)),
        items=listing.open_items,
        items_note="",
        signing=(),
        sections=tuple(Section(one.title, (_paper_table(one),)) for one in listing.tables),
    )


def _paper_table(one: Table) -> Printed:
    return table([(column, 1.0) for column in one.columns], [list(row) for row in one.rows])
