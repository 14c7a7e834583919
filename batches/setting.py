"""What is in force where a record is made: the devices, how they are read, and the rules."""

import hashlib
from collections.abc import Collection

import msgspec

from alerts.rule import Rule
from batches.episode import device_of
from batches.export.json import canonical
from batches.survey import Channel
from devices.profile import Profile


class Equipment(msgspec.Struct, frozen=True, kw_only=True):
    """A device of the site: what it is, and by which profile its numbers were read.

    ``period`` is milliseconds between readings; ``profile_sha256`` covers the profile as
    canonical JSON (``batches.export.json``), so that it does not depend on spaces in a file.
    """

    id: str
    name: str
    model: str
    maker: str
    manual: str
    profile: str
    profile_sha256: str
    period: int
    channels: tuple[Channel, ...]


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. ``configuration`` is the SHA-256 of the site's files, ``software`` the version."""

    site: str
    time_zone: str
    equipment: tuple[Equipment, ...]
    rules: tuple[Rule, ...]
    software: str
    configuration: str

    def on(self, devices: Collection[str]) -> "Setting":
        """What of it concerns ``devices``."""
        return msgspec.structs.replace(
            self,
            equipment=tuple(each for each in self.equipment if each.id in devices),
            rules=tuple(rule for rule in self.rules if device_of(rule.channel) in devices),
        )


def equipment(
    device: str, profile: Profile, *, called: str, period: int, name: str = ""
) -> Equipment:
    """The device ``device``, read every ``period`` ms by ``profile``, which is ``called`` so."""
    channels = tuple(
        Channel(
            key=channel.key, quantity=channel.quantity, unit=channel.stored.unit, name=channel.name
        )
        for channel in profile.channels
    )
    return Equipment(
        id=device,
        name=name,
        model=profile.model,
        maker=profile.maker,
        manual=profile.manual,
        profile=called,
        profile_sha256=hashlib.sha256(canonical(profile)).hexdigest(),
        period=period,
        channels=channels,
    )
