"""The tables of ``site.toml`` for the channels beside mail and webhook."""

import msgspec

from culturewatch.secret import Secret
from devices.duration import Duration


class Twilio(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[twilio]``: text messages (``sms``) from ``sender``, calls (``voice``) from ``caller``.

    ``sender`` is a number of the account or a messaging service (``MG…``). ``auth_token`` logs in
    and proves what Twilio posts to ``console.public_url``.
    """

    account_sid: str
    auth_token: Secret
    sender: str = ""
    caller: str = ""
    api: str = "https://api.twilio.com"


class Pushover(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[pushover]``: critical pages repeat each ``retry`` until acknowledged or ``expire``."""

    token: Secret
    retry: Duration = Duration(60_000)
    expire: Duration = Duration(3_600_000)
    api: str = "https://api.pushover.net"


class Ntfy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[ntfy]``: a server of topics; ``token`` where it asks for one."""

    server: str = "https://ntfy.sh"
    token: Secret | None = None


class Teams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[teams]``: workflows of Microsoft Teams; ``urls`` are secret, people have their names."""

    urls: dict[str, Secret]


class Apprise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[apprise]``: all other services; ``urls`` are secret, people have their names."""

    urls: dict[str, Secret]
