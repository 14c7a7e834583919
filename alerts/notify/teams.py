"""Pages into Microsoft Teams through a workflow that waits for a web request.

The card is an Adaptive Card in the wrapping that the workflow "Post to a channel when a webhook
request is received" takes (learn.microsoft.com, "Create incoming webhooks with Workflows").
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from alerts.notify.http import JSON, HttpClient, host_of, refusal
from alerts.notify.notifier import Message, PermanentError, Sent, TemporaryError

LARGEST_CARD: Final = 28_000
"""Bytes of a message that Teams takes."""
_CARD = "application/vnd.microsoft.card.adaptive"
_SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
_VERSION = "1.4"
_LONGEST_TEXT, _MOST_LINES = 5_000, 60


class TeamsNotifier:
    """Posts cards. ``workflows`` are the secret addresses, by the names that people have."""

    def __init__(self, http: HttpClient, workflows: Mapping[str, str]) -> None:
        self._http = http
        self._workflows = dict(workflows)

    async def send(self, message: Message) -> Sent:
        """Post one card. The workflow takes it (202); whether it shows it is not told.

        Raises:
            TemporaryError: not now, or what answered was a page for people.
            PermanentError: no such workflow, or it refuses the card.
        """
        who = f"Teams workflow {message.address!r}"
        url = self._workflows.get(message.address)
        if url is None:
            raise PermanentError(f"{who}: [teams.urls] has none of that name")
        body = msgspec.json.encode(_message(message))
        answer = await self._http.post(url, body, who=who, headers=JSON, read=False)
        reason = f"{who} at {host_of(url)} answered {answer.status}"
        if not answer.good:
            raise refusal(answer, reason)
        if "html" in answer.headers.get("content-type", ""):
            what = f"{reason} with a page for people; is there a portal between?"
            raise TemporaryError(what, perhaps_taken=True)
        return Sent(provider_id=answer.headers.get("x-ms-workflow-run-id", ""))


def _message(message: Message) -> dict[str, Any]:
    page = message.asks
    blocks = [
        _block(message.subject, weight="Bolder", size="Large", color=_color(message)),
        *(_block(line) for line in _lines(message)),
    ]
    card: dict[str, Any] = {
        "$schema": _SCHEMA,
        "type": "AdaptiveCard",
        "version": _VERSION,
        "msteams": {"width": "full"},
        "body": blocks,
    }
    if page and message.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Acknowledge…", "url": message.link}]
    attachment = {"contentType": _CARD, "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _lines(message: Message) -> list[str]:
    text = message.text.strip()[:_LONGEST_TEXT]
    lines = [line for line in text.splitlines() if line.strip() and line.strip() != message.link]
    return lines[:_MOST_LINES]


def _block(text: str, **more: str) -> dict[str, Any]:
    # Cards read Markdown: what devices and people wrote must stand as it is.
    plain = "".join(f"\\{letter}" if letter in "\\*_[]`#" else letter for letter in text)
    return {"type": "TextBlock", "text": plain, "wrap": True, **more}


def _color(message: Message) -> str:
    if not message.asks:
        return "Good"
    return "Attention" if message.severity == "critical" else "Warning"
