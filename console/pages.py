"""The console's pages, laid out from values; everything that others wrote is escaped."""

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo

from console import speech, templating, words
from console.acknowledge import LONGEST_NOTE, Pressed, Result, Standing, over
from console.acknowledge_all import Listing, PressedAll
from console.settings import ConsoleSettings
from console.speech import Speech
from console.view import DeviceView, SiteView

ASSETS = {
    "console.css": "text/css; charset=utf-8",
    "forms.css": "text/css; charset=utf-8",
    "screens.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "alive.js": "text/javascript; charset=utf-8",
    "refresh.js": "text/javascript; charset=utf-8",
    "cursor.js": "text/javascript; charset=utf-8",
}
_SHOWN = tuple(
    f"{name}.html.j2"
    for name in (
        "status",
        "live",
        "acknowledge",
        "acknowledge_all",
        "pressed",
        "pressed_all",
        "message",
    )
)


class Shown(NamedTuple):
    """A form as it is shown; ``hint`` says why it is shown again, with the ``note`` of before."""

    nonce: str
    asks_pin: bool
    hint: str = ""
    note: str = ""


class Pages:
    """Renders the pages of one site."""

    def __init__(self, settings: ConsoleSettings) -> None:
        self.assets = {name: (files("console") / "static" / name).read_bytes() for name in ASSETS}
        zone = ZoneInfo(settings.time_zone)
        names = {person.id: person.name or person.id for person in settings.people}
        self.version = sha256(b"".join(self.assets.values())).hexdigest()[:12]
        shared = {"site": settings.site, "version": self.version}
        self._templates = {
            language: _templates(Speech(language), zone, names, shared)
            for language in speech.LANGUAGES
        }

    def status(self, view: SiteView, say: Speech, *, wall: bool = False) -> str:
        """The whole status page; on a ``wall`` nothing stands of batches, people and pages."""
        return self._render("status.html.j2", say, view=view, rooms=_rooms(view, say), wall=wall)

    def live(self, view: SiteView, say: Speech, *, wall: bool = False) -> str:
        """The part of the status page that changes."""
        return self._render("live.html.j2", say, view=view, rooms=_rooms(view, say), wall=wall)

    def acknowledge(self, standing: Standing, shown: Shown, say: Speech) -> str:
        """The page behind a link, with the form."""
        rule, channel, alarm = standing.rule, standing.channel, standing.alarm
        unit, key = ("", "") if channel is None else (channel.unit, channel.key)
        last = None if alarm is None else alarm.value
        severity = standing.claim.severity
        return self._render(
            "acknowledge.html.j2",
            say,
            s=standing,
            last_good=words.reading(key, last, unit, say),
            limit="" if rule is None else words.limit(rule, unit, severity, say),
            longest_note=LONGEST_NOTE,
            **shown._asdict(),
        )

    def pressed(self, pressed: Pressed, say: Speech) -> str:
        """What came of it."""
        return self._render("pressed.html.j2", say, p=pressed)

    def acknowledge_all(self, listing: Listing, shown: Shown, say: Speech) -> str:
        """The page behind the link of a summary: its list, and one button."""
        return self._render(
            "acknowledge_all.html.j2",
            say,
            s=listing,
            at_risk=_at_risk(listing, say),
            longest_note=LONGEST_NOTE,
            **shown._asdict(),
        )

    def pressed_all(self, pressed: PressedAll, say: Speech) -> str:
        """What came of that, alarm by alarm."""
        named = {result.name: pressed.those(result) for result in Result}
        return self._render("pressed_all.html.j2", say, p=pressed, those=named)

    def message(self, title: str, text: str, say: Speech) -> str:
        """A page that says one thing."""
        return self._render("message.html.j2", say, title=title, text=text)

    def _render(self, template: str, say: Speech, **values: object) -> str:
        return self._templates[say.language][template].render(values)


def _templates(
    say: Speech, zone: ZoneInfo, names: Mapping[str, str], shared: Mapping[str, str]
) -> dict[str, templating.Template]:
    """The pages in one language."""

    def person(one: str) -> str:
        return names.get(one, one)

    environment = templating.environment()
    environment.filters |= {
        "moment": partial(words.moment, zone=zone),
        "person": person,
        "people": lambda those: ", ".join(person(one) for one in those),
        "age": partial(words.age, say=say),
        "ago": lambda ms: say("{age} ago", age=words.age(ms, say)),
        "reading": lambda channel: words.reading(channel.key, channel.value, channel.unit, say),
        "named": partial(words.named, say=say),
        "state": partial(words.state, say=say),
        "severity": lambda alarm: say(words.severity(alarm)),
        "within": words.within,
        "inside": lambda device: words.inside(device.batches, device.vials, say),
        "over": lambda standing: over(standing, say),
    }
    environment.tests["asking"] = words.asks
    environment.globals |= {**shared, "_": say, "language": say.language}
    return {name: environment.get_template(name) for name in _SHOWN}


def _at_risk(listing: Listing, say: Speech) -> list[str]:
    """Of each device once: two alarms on one do not make its vials twice as many."""
    devices = {one.device.id: one.device for one in listing.alarms if one.device is not None}
    found: list[str] = []
    for device in devices.values():
        found += device.batches or ()
        vials = words.inside((), device.vials, say) or ()
        found += [f"{one} ({device.name})" for one in vials]
    return found


def _rooms(view: SiteView, say: Speech) -> dict[str, list[DeviceView]]:
    rooms: dict[str, list[DeviceView]] = defaultdict(list)
    for device in view.devices:
        rooms[device.location or say("Elsewhere")].append(device)
    return dict(rooms)
