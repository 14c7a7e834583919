"""The ways in which pages leave this site: its notifiers, by the name of the channel."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alerts.notify.http import open_http
from alerts.notify.local import LocalNotifier
from alerts.notify.mail import MailNotifier, MailServer
from alerts.notify.notifier import Notifier
from alerts.notify.webhook import WebhookNotifier
from culturewatch import paths
from culturewatch.site import Site


@asynccontextmanager
async def notifiers(site: Site) -> AsyncIterator[dict[str, Notifier]]:
    """The notifiers that the site declares, and the inbox that is always there."""
    ways: dict[str, Notifier] = {"inbox": LocalNotifier(paths.inbox(site.data))}
    mail = site.file.mail
    if mail is not None:
        server = MailServer(
            host=mail.host,
            port=mail.port,
            sender=mail.sender,
            security=mail.security,
            username=mail.username,
        )
        ways["mail"] = MailNotifier(server, password=site.reveal(mail.password))
    async with open_http() as http:
        if site.file.webhook is not None:
            ways["webhook"] = WebhookNotifier(http, site.reveal(site.file.webhook.secret))
        yield ways
