"""What the watchdog says: in messages, and on its two pages."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

import msgspec

from culturewatch.watchdog.vigil import Vigil, Word

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<style>body{{font:18px/1.5 system-ui,sans-serif;margin:1rem auto;max-width:40rem;padding:0 1rem}}
button{{font-size:1.2rem;padding:.8rem 1.6rem}}.bad{{color:#a3000b}}.good{{color:#0a5c1f}}</style>
</head><body><h1>{title}</h1>{body}</body></html>
"""
ACTION = (
    "Nobody can say that its alarms reach anybody: look at the devices themselves, or send "
    "somebody; then at the machine, its power and its network"
)


class About(msgspec.Struct, frozen=True, kw_only=True):
    """A site and how it stands. ``refused`` says why its newest posts did not count."""

    site: str
    name: str
    vigil: Vigil
    silent_s: float
    refused: str = ""

    @property
    def called(self) -> str:
        """What people call it."""
        return self.name or self.site


def moment(at: int) -> str:
    """Epoch ms as people read it."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def subject(word: Word, about: About) -> str:
    """The line that a phone shows."""
    if word is Word.BACK:
        return f"All clear: {about.called} beats again"
    return f"CRITICAL {about.called}: {word.value} for {_span(about.silent_s)}"


def text(word: Word, about: About, link: str) -> str:
    """The whole message."""
    facts = [subject(word, about), "", f"Site: {about.called} ({about.site})", _last(about)]
    if word is Word.BACK:
        return "\n".join([*facts, "To do: nothing more for this outage"]) + "\n"
    if about.refused:
        facts.append(f"What comes does not count: {about.refused}")
    facts += [
        "If nothing is done: its alarms may reach nobody, and cells may be lost unseen",
        f"Do now: {ACTION}",
        "",
        f"Acknowledge (opens a page with a button):\n{link}",
    ]
    return "\n".join(facts) + "\n"


def status_page(sites: Sequence[About]) -> str:
    """How all sites stand; everybody may see it."""
    rows = ""
    for about in sites:
        outage = about.vigil.outage
        if outage is None:
            state = "<span class='good'>✔ beats</span>"
            state = state if about.vigil.heard_at is not None else "awaited for the first time"
        else:
            who = f", {escape(outage.by)} has it" if outage.by else ", nobody has it yet"
            state = f"<strong class='bad'>✖ silent for {_span(about.silent_s)}</strong>{who}"
        why = f"<br>{escape(about.refused)}" if about.refused else ""
        rows += f"<p><strong>{escape(about.called)}</strong>: {state}"
        rows += f"<br><small>{escape(_last(about))}</small>{why}</p>"
    return _PAGE.format(title="Watchdog", body=rows)


def form_page(about: About, person: str, nonce: str, *, hint: str = "") -> str:
    """The page behind a link, with its button."""
    outage = about.vigil.outage
    body = f"<p class='bad'>✖ {escape(hint)}</p>" if hint else ""
    body += f"<p>{escape(_last(about))}. Silent for {_span(about.silent_s)}.</p>"
    body += f"<p>Do now: {escape(ACTION)}.</p>"
    if outage is not None and outage.by:
        body += f"<p>{escape(outage.by)} has it already.</p>"
    else:
        body += (
            f"<form method='post'><input type='hidden' name='nonce' value='{escape(nonce)}'>"
            f"<button>I take care of it ({escape(person)})</button></form>"
            "<p><small>It stops the reminders. They begin again with the next outage.</small></p>"
        )
    return _PAGE.format(title=f"{escape(about.called)}: no beat", body=body)


def note_page(title: str, said: str, *, good: bool = False) -> str:
    """A page that says one thing."""
    kind = "good" if good else "bad"
    return _PAGE.format(title=escape(title), body=f"<p class='{kind}'>{escape(said)}</p>")


def _last(about: About) -> str:
    heard_at = about.vigil.heard_at
    return f"Last beat: {moment(heard_at)}" if heard_at is not None else "Last beat: none so far"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
