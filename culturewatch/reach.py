"""The ways in which pages leave this site: its notifiers, by the name of the channel."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

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
    async with open_client() as client:
        if site.file.webhook is not None:
            ways["webhook"] = WebhookNotifier(client, site.reveal(site.file.webhook.secret))
        yield ways


def open_client() -> httpx.AsyncClient:
    """An HTTP client that takes nothing from the environment and follows nobody elsewhere."""
    return httpx.AsyncClient(trust_env=False, follow_redirects=False)


async def post(
    client: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str], *, timeout_s: float
) -> str:
    """Post ``body``; why it was not taken, empty when the answer was 2xx. Only the head is read."""
    try:
        async with (
            asyncio.timeout(timeout_s),
            client.stream("POST", url, content=body, headers=headers, timeout=timeout_s) as answer,
        ):
            return "" if answer.is_success else f"it answered {answer.status_code}"
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return str(error) or type(error).__name__
