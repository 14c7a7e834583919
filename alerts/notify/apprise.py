"""Pages through whatever else Apprise speaks to: the one door to apprise.

Its addresses hold secrets (``tgram://token/chat``), so they are known by names and never told.
"""

import logging
import warnings
from collections.abc import Mapping
from typing import Final

from apprise import Apprise, AppriseAsset, AppriseResultStatus, NotifyFormat, NotifyType

from alerts.notify.notifier import Message, PermanentError, Sent, TemporaryError

# What its 150 services write into a log may hold parts of their addresses.
logging.getLogger("apprise").setLevel(logging.CRITICAL)
logging.getLogger("urllib3").setLevel(logging.ERROR)

BOUND_S: Final = 15.0
"""Seconds that one hand-over may take; below what the outbox allows."""


class AppriseNotifier:
    """Hands over to the services at ``urls``, secret addresses by the names that people have."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = dict(urls)
        # Loading its services takes a second or two, which a page need not wait for.
        for url in self._urls.values():
            understands(url)

    async def send(self, message: Message) -> Sent:
        """Hand one message over. Apprise tells neither why it failed nor whether it arrived.

        Raises:
            TemporaryError: the service did not take it, or not in time.
            PermanentError: no such name, or Apprise does not know such an address.
        """
        who = f"Apprise {message.address!r}"
        url = self._urls.get(message.address)
        services = None if url is None else _services(url)
        if services is None:
            raise PermanentError(f"{who}: [apprise.urls] has no address of that name that it knows")
        result = await services.async_notify(
            body=message.text,
            title=message.subject,
            notify_type=_kind(message),
            body_format=NotifyFormat.TEXT,
            timeout=BOUND_S,
        )
        match result.status:
            case AppriseResultStatus.SUCCESS | AppriseResultStatus.PARTIAL:
                return Sent()
            case AppriseResultStatus.NOMATCH:
                raise PermanentError(f"{who}: its address names nobody")
            case AppriseResultStatus.TIMEOUT:
                raise TemporaryError(f"{who}: no answer within {BOUND_S:g} s")
            case _:
                raise TemporaryError(f"{who}: was not taken; try its address with `apprise -vv`")


def understands(url: str) -> bool:
    """Whether Apprise knows a service for this address; asks nobody."""
    return _services(url) is not None


def _services(url: str) -> Apprise | None:
    # Nothing on disk, no other place than the one named, nothing filled in from outside.
    asset = AppriseAsset(
        app_id="culturewatch",
        app_desc="culturewatch",
        app_url="",
        storage_mode="memory",
        http_redirects=False,
        allow_templates=False,
        service_timeout=BOUND_S,
    )
    services = Apprise(asset=asset)
    with warnings.catch_warnings():
        # The first call loads all its services, some of which use what Python will drop.
        warnings.simplefilter("ignore", DeprecationWarning)
        known = services.add(url)
    return services if known and len(services) > 0 else None


def _kind(message: Message) -> NotifyType:
    if not message.asks:
        return NotifyType.INFO
    return NotifyType.FAILURE if message.severity == "critical" else NotifyType.WARNING
