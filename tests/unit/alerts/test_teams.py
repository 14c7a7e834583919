"""Teams: the card a workflow takes (learn.microsoft.com, "Create incoming webhooks")."""

import json

import pytest

from alerts.notify.http import open_http
from alerts.notify.notifier import PermanentError, Sent, TemporaryError
from alerts.notify.teams import LARGEST_CARD, TeamsNotifier
from tests.unit.alerts.http_provider import HttpProvider, answer, page  # a test's own

SIG = "S3cretSignature"


async def sent(provider: HttpProvider, *, to: str = "lab", **more: object) -> Sent:
    async with provider.serving() as url, open_http(timeout_s=2) as http:
        workflow = f"{url}/workflows/abc/triggers/manual/paths/invoke?api-version=1&sig={SIG}"
        return await TeamsNotifier(http, {"lab": workflow}).send(page(to, **more))


async def test_a_page_is_a_card_with_a_button_that_opens() -> None:
    provider = HttpProvider(answer(202, headers={"x-ms-workflow-run-id": "08585"}))
    result = await sent(provider)
    assert result == Sent(provider_id="08585", delivered=False)
    (asked,) = provider.asked
    assert asked.method == "POST"
    assert asked.target.endswith(f"sig={SIG}")
    said = asked.json
    assert said["type"] == "message"
    (attachment,) = said["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert card["body"][0]["text"] == "CRITICAL inc1.temperature 38.50 °C"
    assert card["body"][0]["color"] == "Attention"
    assert all(block["type"] == "TextBlock" and block["wrap"] for block in card["body"])
    assert "Do now: close the door & wait" in [block["text"] for block in card["body"]]
    assert card["actions"] == [
        {
            "type": "Action.OpenUrl",
            "title": "Acknowledge…",
            "url": "https://lab.example/ack/t0ken",
        }
    ]


async def test_news_is_green_and_has_no_button() -> None:
    provider = HttpProvider(answer(202))
    await sent(provider, kind="all_clear", link="")
    card = provider.asked[0].json["attachments"][0]["content"]
    assert "actions" not in card
    assert card["body"][0]["color"] == "Good"


async def test_what_people_typed_is_no_markup() -> None:
    provider = HttpProvider(answer(202))
    await sent(provider, subject="*[x](https://evil.example)_", text="# a `b`")
    body = provider.asked[0].json["attachments"][0]["content"]["body"]
    assert body[0]["text"] == "\\*\\[x\\](https://evil.example)\\_"
    assert body[1]["text"] == "\\# a \\`b\\`"


async def test_a_card_stays_below_what_teams_takes() -> None:
    provider = HttpProvider(answer(202))
    await sent(provider, text="*\n" * 50_000)
    assert len(provider.asked[0].body) <= LARGEST_CARD
    await sent(provider, text="°" * 50_000)
    assert len(provider.asked[-1].body) <= LARGEST_CARD


async def test_a_workflow_that_is_gone_is_final_and_its_address_is_not_told() -> None:
    said = {"error": {"code": "WorkflowNotFound", "message": "The workflow could not be found."}}
    with pytest.raises(PermanentError, match=r"'lab' at 127\.0\.0\.1 answered 404") as caught:
        await sent(HttpProvider(answer(404, json.dumps(said).encode())))
    assert SIG not in str(caught.value)


async def test_a_name_that_is_none_is_final() -> None:
    provider = HttpProvider(answer(202))
    with pytest.raises(PermanentError, match="none of that name"):
        await sent(provider, to="other")
    assert provider.asked == []


async def test_throttling_is_worth_another_try() -> None:
    with pytest.raises(TemporaryError) as caught:
        await sent(HttpProvider(answer(429, headers={"Retry-After": "10"})))
    assert caught.value.retry_after_s == 10.0
