"""Pages by e-mail: the one door to aiosmtplib."""

import contextlib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate
from typing import Literal, NamedTuple

import aiosmtplib
import msgspec

from alerts.notify.notifier import Message, PermanentError, Sent, TemporaryError

_NOT_A_HEADER = frozenset("\r\n\0")
_PERMANENT = 500
_LEAVE_S = 1.0
_BYTES_A_SECOND = 50_000
"""As fast a line of a laboratory takes a mail at the least."""
_MOST_S = 300.0


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail is handed over. ``timeout_s`` bounds each step of the conversation.

    A mail with files is written in one step: it gets a second more for each 50 kB of it.
    """

    host: str
    port: int
    sender: str
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    timeout_s: float = 15.0


class Attached(NamedTuple):
    """A file that goes with a mail; ``kind`` is what comes after ``application/``."""

    name: str
    kind: str
    content: bytes


class MailNotifier:
    """Hands mail to one SMTP server, a connection a message.

    Raises:
        ValueError: a password would travel without TLS.
    """

    def __init__(
        self, server: MailServer, *, password: str = "", tls: ssl.SSLContext | None = None
    ) -> None:
        if password and server.security == "none":
            raise ValueError(
                f"mail server {server.host}: a password is never sent in the clear; "
                "set security to starttls or tls"
            )
        self._server = server
        self._password = password
        self._tls = tls

    async def send(self, message: Message, attached: Sequence[Attached] = ()) -> Sent:
        """Hand over one mail. A server's 4xx is temporary, its 5xx permanent.

        Raises:
            TemporaryError: unreachable, slow, cut off, or the server said 4xx.
            PermanentError: refused, or the message could smuggle in a header.
        """
        mail = _compose(message, self._server.sender)
        for each in attached:
            mail.add_attachment(
                each.content, maintype="application", subtype=each.kind, filename=each.name
            )
        client = self._client()
        perhaps_taken = False
        try:
            await client.connect()
            perhaps_taken = True
            _, answer = await client.send_message(mail, timeout=self._patience_s(mail))
            await _take_leave(client)
        except (
            aiosmtplib.SMTPRecipientsRefused,
            aiosmtplib.SMTPResponseException,
        ) as error:
            raise self._refused(error) from error
        except (
            aiosmtplib.SMTPServerDisconnected,
            aiosmtplib.SMTPConnectError,
            aiosmtplib.SMTPTimeoutError,
            OSError,
        ) as error:
            reason = f"{self._name}: {str(error) or type(error).__name__}"
            raise TemporaryError(reason, perhaps_taken=perhaps_taken) from error
        except aiosmtplib.SMTPException as error:
            raise PermanentError(f"{self._name}: {error}; check security and login") from error
        except ValueError as error:
            raise PermanentError(
                f"{self._name}: mail to {message.person}: {error}; check its address, the sender "
                "and the name of the server"
            ) from error
        finally:
            client.close()
        return Sent(provider_id=answer)

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username or None,
            password=self._password or None,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=self._tls,
            timeout=server.timeout_s,
        )

    def _patience_s(self, mail: EmailMessage) -> float:
        timeout_s = self._server.timeout_s
        if not mail.is_multipart() or not any(mail.iter_attachments()):
            return timeout_s
        return max(timeout_s, min(_MOST_S, timeout_s + len(bytes(mail)) / _BYTES_A_SECOND))

    @property
    def _name(self) -> str:
        return f"mail server {self._server.host}:{self._server.port}"

    def _refused(
        self, error: aiosmtplib.SMTPRecipientsRefused | aiosmtplib.SMTPResponseException
    ) -> TemporaryError | PermanentError:
        if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
            code, text = error.recipients[0].code, error.recipients[0].message
        else:
            code, text = error.code, error.message
        reason = f"{self._name} answered {code} {text}"
        if code >= _PERMANENT:
            return PermanentError(reason)
        return TemporaryError(reason)


async def _take_leave(client: aiosmtplib.SMTP) -> None:
    """The mail is taken: a server that does not say goodbye must not have it sent again."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        await client.quit(timeout=_LEAVE_S)


def _compose(message: Message, sender: str) -> EmailMessage:
    mail = EmailMessage()
    for name, text in _headers(message, sender).items():
        try:
            mail[name] = text
        except (ValueError, IndexError) as error:
            raise PermanentError(f"mail to {message.person}: not a {name}: {error}") from error
    if message.severity == "critical":
        mail["Importance"] = "high"
    mail.set_content(message.text)
    if message.html:
        mail.add_alternative(message.html, subtype="html")
    return mail


def _headers(message: Message, sender: str) -> dict[str, str]:
    if not message.address:
        raise PermanentError(f"mail to {message.person}: no address is known")
    if "," in message.address:
        raise PermanentError(f"mail to {message.person}: one address is needed, not a list")
    headers = {
        "From": sender,
        "To": message.address,
        "Subject": message.subject,
        "Message-ID": f"<{message.id}@culturewatch>",
        "X-Culturewatch-Kind": message.kind,
        "Date": formatdate(),
        "Auto-Submitted": "auto-generated",
    }
    for name, text in headers.items():
        if _NOT_A_HEADER & set(text):
            raise PermanentError(f"mail to {message.person}: a line break stands in its {name}")
    return headers
