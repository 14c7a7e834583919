"""ntfy: what is published, and its error codes (docs.ntfy.sh/publish, server/errors.go)."""

import pytest

from alerts.notify.http import open_http
from alerts.notify.notifier import PermanentError, QuotaError, Receipts, Sent, TemporaryError
from alerts.notify.ntfy import NtfyNotifier
from tests.unit.alerts.http_provider import HttpProvider, answer, page  # a test's own

TAKEN = {"id": "hwQ2YpKdmg", "time": 1_635_528_741, "event": "message", "topic": "lab-oncall"}


async def sent(provider: HttpProvider, *, token: str = "", **more: object) -> Sent:
    async with provider.serving() as url, open_http(timeout_s=2) as http:
        notifier = NtfyNotifier(http, f"{url}/", token=token)
        # It has no receipt, so nobody is to ask for one.
        assert not isinstance(notifier, Receipts)
        return await notifier.send(page("lab-oncall", **more))


async def test_a_page_has_a_button_that_opens_and_does_not_act() -> None:
    provider = HttpProvider(answer(200, TAKEN))
    result = await sent(provider)
    assert result == Sent(provider_id="hwQ2YpKdmg", delivered=False)
    (asked,) = provider.asked
    assert (asked.method, asked.target) == ("POST", "/")
    assert "authorization" not in asked.headers
    said = asked.json
    assert said["topic"] == "lab-oncall"
    assert said["title"] == "CRITICAL inc1.temperature 38.50 °C"
    assert said["priority"] == 5
    assert said["click"] == "https://lab.example/ack/t0ken"
    assert said["actions"] == [
        {"action": "view", "label": "Acknowledge…", "url": "https://lab.example/ack/t0ken"}
    ]


@pytest.mark.parametrize(
    ("kind", "severity", "priority"),
    [
        ("page", "critical", 5),
        ("page", "high", 4),
        ("page", "medium", 3),
        ("page", "low", 2),
        ("page", "", 3),
        ("all_clear", "critical", 3),
    ],
)
async def test_the_priority_is_that_of_the_severity(
    kind: str, severity: str, priority: int
) -> None:
    provider = HttpProvider(answer(200, TAKEN))
    await sent(provider, kind=kind, severity=severity)
    assert provider.asked[0].json["priority"] == priority


async def test_news_has_no_button() -> None:
    provider = HttpProvider(answer(200, TAKEN))
    await sent(provider, kind="all_clear", link="")
    assert not {"actions", "click", "tags"} & set(provider.asked[0].json)


async def test_a_token_logs_in() -> None:
    provider = HttpProvider(answer(200, TAKEN))
    await sent(provider, token="tk_123")  # noqa: S106 # of nobody
    assert provider.asked[0].headers["authorization"] == "Bearer tk_123"


async def test_a_long_text_does_not_become_a_file() -> None:
    # Above 4,096 bytes the server makes an attachment of it.
    provider = HttpProvider(answer(200, TAKEN))
    await sent(provider, text="°" * 5_000)
    text = provider.asked[0].json["message"]
    assert len(text.encode()) <= 4_096
    assert text.startswith("°°")
    assert text.endswith("…")


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (42901, 429, TemporaryError),
        (42908, 429, QuotaError),
        (42905, 429, QuotaError),
        (40009, 400, PermanentError),
        (40101, 401, PermanentError),
        (40301, 403, PermanentError),
        (50001, 500, TemporaryError),
    ],
)
async def test_an_error_code_says_whether_to_try_again(
    code: int, status: int, kind: type[Exception]
) -> None:
    said = {"code": code, "http": status, "error": "limit reached: please be nice"}
    with pytest.raises(kind, match=f"answered {status} limit reached") as caught:
        await sent(HttpProvider(answer(status, said)))
    assert type(caught.value) is kind


async def test_somebody_without_a_topic_is_final() -> None:
    provider = HttpProvider(answer(200, TAKEN))
    async with provider.serving() as url, open_http() as http:
        with pytest.raises(PermanentError, match="no topic"):
            await NtfyNotifier(http, url).send(page(""))
    assert provider.asked == []
