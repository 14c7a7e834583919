"""The ways in which pages leave this site: its notifiers, by the name of the channel."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from alerts.notice import Notice
from alerts.notify.http import HttpClient, open_http
from alerts.notify.local import LocalNotifier
from alerts.notify.mail import MailNotifier, MailServer
from alerts.notify.notifier import Message, Notifier
from alerts.notify.ntfy import NtfyNotifier
from alerts.notify.pushover import PushoverNotifier, PushoverSettings
from alerts.notify.teams import TeamsNotifier
from alerts.notify.twilio import SmsNotifier, TwilioAccount, TwilioApi, VoiceNotifier
from alerts.notify.webhook import WebhookNotifier
from alerts.reply_code import ReplyCodes
from alerts.token import TokenDesk, load_key
from culturewatch import paths
from culturewatch.site import Site

_LISTED = re.compile(r"page-([0-9]{1,18})-([0-9]{1,18})")


@asynccontextmanager
async def notifiers(site: Site) -> AsyncIterator[dict[str, Notifier]]:
    """The notifiers that the site declares, and the inbox that is always there.

    Raises:
        alerts.token.KeyFileError: the key that signs what acknowledges cannot be used.
    """
    ways: dict[str, Notifier] = {"inbox": LocalNotifier(paths.inbox(site.data))}
    mail = mail_notifier(site)
    if mail is not None:
        ways["mail"] = mail
    if site.file.apprise is not None:
        from alerts.notify.apprise import AppriseNotifier  # noqa: PLC0415 # large, and seldom used

        urls = {name: site.reveal(url) for name, url in site.file.apprise.urls.items()}
        ways["apprise"] = AppriseNotifier(urls)
    # Longer than a page waits for an answer: one that comes late is heard, beside the next channel.
    async with open_http(timeout_s=15.0) as http:
        yield ways | _over_http(site, http) | _by_twilio(site, http)


def mail_notifier(site: Site) -> MailNotifier | None:
    """The way to the mail server that the site declares, if any."""
    mail = site.file.mail
    if mail is None:
        return None
    server = MailServer(
        host=mail.host,
        port=mail.port,
        sender=mail.sender,
        security=mail.security,
        username=mail.username,
    )
    return MailNotifier(server, password=site.reveal(mail.password))


def _over_http(site: Site, http: HttpClient) -> dict[str, Notifier]:
    ways: dict[str, Notifier] = {}
    if site.file.webhook is not None:
        ways["webhook"] = WebhookNotifier(http, site.reveal(site.file.webhook.secret))
    pushover, ntfy, teams = site.file.pushover, site.file.ntfy, site.file.teams
    if pushover is not None:
        settings = PushoverSettings(
            retry_s=pushover.retry // 1_000,
            expire_s=pushover.expire // 1_000,
            api=pushover.api.rstrip("/"),
        )
        ways["pushover"] = PushoverNotifier(http, site.reveal(pushover.token), settings)
    if ntfy is not None:
        ways["ntfy"] = NtfyNotifier(http, ntfy.server, token=site.reveal(ntfy.token))
    if teams is not None:
        urls = {name: site.reveal(url) for name, url in teams.urls.items()}
        ways["teams"] = TeamsNotifier(http, urls)
    return ways


def _by_twilio(site: Site, http: HttpClient) -> dict[str, Notifier]:
    twilio = site.file.twilio
    if twilio is None:
        return {}
    account = TwilioAccount(
        sid=twilio.account_sid,
        public_url=site.public_url,
        sender=twilio.sender,
        caller=twilio.caller,
        api=twilio.api.rstrip("/"),
    )
    api = TwilioApi(http, account, site.reveal(twilio.auth_token))
    key = load_key(paths.token_key(site.data))
    codes, desk = ReplyCodes(key), TokenDesk(key, used=lambda _: False)

    def code_of(message: Message) -> str:
        # A page sent from memory has no row by which a reply could find it.
        if not message.link or message.occurrence is None or not message.id.startswith("page-"):
            return ""
        return codes.make(
            message=message.id,
            person=message.person,
            rule=message.rule,
            occurrence=message.occurrence,
            severity=message.severity,
        )

    ways: dict[str, Notifier] = {}
    if twilio.sender:
        ways["sms"] = SmsNotifier(api, code_of)
    if twilio.caller:
        ways["voice"] = VoiceNotifier(api, partial(_token_of, desk))
    return ways


def _token_of(desk: TokenDesk, message: Message) -> str:
    """What a key pressed in a call about ``message`` acknowledges; empty where there is nothing."""
    if not message.link:
        return ""
    listed = _LISTED.fullmatch(message.id) if message.kind == Notice.SUMMARY.value else None
    if listed is not None:
        row, arrived = int(listed[1]), int(listed[2])
        return desk.make_all(person=message.person, summary=row, arrived=arrived)
    if message.occurrence is None:
        return ""
    return desk.make(
        person=message.person,
        rule=message.rule,
        occurrence=message.occurrence,
        severity=message.severity,
    )
