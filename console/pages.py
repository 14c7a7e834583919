"""The console's pages, laid out from values; everything that others wrote is escaped."""

from collections import defaultdict
from functools import partial
from hashlib import sha256
from importlib.resources import files
from zoneinfo import ZoneInfo

from console import templating, words
from console.acknowledge import LONGEST_NOTE, Pressed, Result, Standing
from console.acknowledge_all import Listing, PressedAll
from console.settings import ConsoleSettings
from console.view import DeviceView, SiteView

NOWHERE = "Elsewhere"
ASSETS = {
    "console.css": "text/css; charset=utf-8",
    "forms.css": "text/css; charset=utf-8",
    "screens.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
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


class Pages:
    """Renders the pages of one site."""

    def __init__(self, settings: ConsoleSettings) -> None:
        self.assets = {name: (files("console") / "static" / name).read_bytes() for name in ASSETS}
        zone = ZoneInfo(settings.time_zone)
        names = {person.id: person.name or person.id for person in settings.people}
        environment = templating.environment()
        environment.filters |= {
            "moment": partial(words.moment, zone=zone),
            "person": lambda person: names.get(person, person),
            "age": words.age,
            "measured": words.measured,
            "spaced": words.spaced,
            "state": words.state,
            "severity": words.severity,
            "within": words.within,
        }
        environment.tests["asking"] = words.asks
        self.version = sha256(b"".join(self.assets.values())).hexdigest()[:12]
        environment.globals |= {"site": settings.site, "version": self.version}
        self._templates = {name: environment.get_template(name) for name in _SHOWN}

    def status(self, view: SiteView, *, wall: bool = False) -> str:
        """The whole status page; on a ``wall`` nothing stands of batches, people and pages."""
        return self._render("status.html.j2", view=view, rooms=_rooms(view), wall=wall)

    def live(self, view: SiteView, *, wall: bool = False) -> str:
        """The part of the status page that changes."""
        return self._render("live.html.j2", view=view, rooms=_rooms(view), wall=wall)

    def acknowledge(
        self, standing: Standing, nonce: str, *, hint: str = "", asks_pin: bool = False
    ) -> str:
        """The page behind a link, with the form; ``hint`` says why it is shown again."""
        rule, channel = standing.rule, standing.channel
        unit = "" if channel is None else channel.unit
        return self._render(
            "acknowledge.html.j2",
            s=standing,
            unit=unit,
            limit="" if rule is None else words.limit(rule, unit, standing.claim.severity),
            nonce=nonce,
            hint=hint,
            asks_pin=asks_pin,
            longest_note=LONGEST_NOTE,
        )

    def pressed(self, pressed: Pressed) -> str:
        """What came of it."""
        return self._render("pressed.html.j2", p=pressed)

    def acknowledge_all(
        self, listing: Listing, nonce: str, *, hint: str = "", asks_pin: bool = False
    ) -> str:
        """The page behind the link of a summary: its list, and one button."""
        return self._render(
            "acknowledge_all.html.j2",
            s=listing,
            at_risk=_at_risk(listing),
            nonce=nonce,
            hint=hint,
            asks_pin=asks_pin,
            longest_note=LONGEST_NOTE,
        )

    def pressed_all(self, pressed: PressedAll) -> str:
        """What came of that, alarm by alarm."""
        named = {result.name: pressed.those(result) for result in Result}
        return self._render("pressed_all.html.j2", p=pressed, those=named)

    def message(self, title: str, text: str) -> str:
        """A page that says one thing."""
        return self._render("message.html.j2", title=title, text=text)

    def _render(self, template: str, **values: object) -> str:
        return self._templates[template].render(values)


def _at_risk(listing: Listing) -> list[str]:
    found = [one.device for one in listing.alarms if one.device is not None]
    batches = [batch for device in found for batch in device.batches or ()]
    return list(dict.fromkeys(batches))


def _rooms(view: SiteView) -> dict[str, list[DeviceView]]:
    rooms: dict[str, list[DeviceView]] = defaultdict(list)
    for device in view.devices:
        rooms[device.location or NOWHERE].append(device)
    return dict(rooms)
