"""An alarm, from the door that is opened to the room that is quiet again, as people see it."""

import pytest
from playwright.async_api import Browser, expect

from simulators.scenario import Door
from tests.browser.conftest import PASSWORD, PHONE, WALL, Lab, visit
from tests.integration.laboratory import inbox, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
RULE = "inc1-door-open"


async def test_a_door_is_opened_acknowledged_from_a_phone_and_seen_to_clear(
    lab: Lab, browser: Browser
) -> None:
    async with visit(browser, lab, WALL) as wall:
        # The first start: an admin enters by the token that was printed, once.
        await wall.go("/now")
        await wall.page.get_by_label("Token").fill(lab.token)
        await wall.page.get_by_label("Your id").fill("ada")
        await wall.page.get_by_label("Your name").fill("Ada")
        await wall.page.get_by_label("Password", exact=True).fill(PASSWORD)
        await wall.page.get_by_label("The same once more").fill(PASSWORD)
        await wall.is_sound()
        await wall.page.get_by_role("button", name="Enter as admin").click()
        await wall.page.wait_for_url("**/now")
        lab.enter("olga", "operator", "on-call")

        card = wall.page.locator("article", has_text="inc1")
        await expect(card.get_by_text("temperature")).to_be_visible(timeout=30_000)
        await expect(wall.page.get_by_text("No open alarms")).to_be_visible(timeout=30_000)
        await wall.shoot("now")
        await wall.is_sound()

        lab.rooms.act(Door(device="inc1", open=True))
        await expect(card.get_by_text("MEDIUM, unacknowledged")).to_be_visible(timeout=15_000)
        await until(lambda: bool(inbox(lab.site, RULE)), within_s=15.0)
        await wall.shoot("now-alarm")
        await wall.is_sound()

        async with visit(browser, lab, PHONE) as phone:
            await phone.log_in("olga", to="/alarms")
            alarm = phone.page.get_by_role("article", name=RULE)
            await expect(alarm.get_by_text("Close the door.")).to_be_visible()
            await phone.shoot("alarms")
            await phone.is_sound()
            await alarm.get_by_role("button", name="Acknowledge").click()
            dialog = phone.page.get_by_role("dialog")
            await dialog.get_by_label("Note").fill("closing it")
            await phone.shoot("acknowledge")
            await phone.is_sound("[role=dialog]")
            await dialog.get_by_role("button", name="Acknowledge").click()
            await expect(alarm.get_by_text("acknowledged by olga")).to_be_visible(timeout=10_000)

            await expect(card.get_by_text("MEDIUM, acknowledged")).to_be_visible(timeout=10_000)
            lab.rooms.act(Door(device="inc1", open=False))
            await expect(alarm).to_have_count(0, timeout=15_000)
            await expect(wall.page.get_by_text("No open alarms")).to_be_visible(timeout=10_000)

            await phone.go("/alarms/history")
            row = phone.page.get_by_role("row", name="ack").filter(has_text="olga")
            await expect(row.first).to_be_visible()
            await phone.shoot("alarms-history")
            await phone.is_sound()


async def test_an_alarm_is_shelved_with_a_reason_and_stands_in_the_list_of_the_day(
    lab: Lab, browser: Browser
) -> None:
    lab.begin()
    lab.enter("olga", "operator")
    lab.enter("quinn", "qa")
    lab.rooms.act(Door(device="inc1", open=True))
    async with visit(browser, lab, WALL, locale="de-AT") as one:
        await one.go("/alarms")
        await one.page.get_by_label("Ihre Kennung").fill("olga")
        await one.page.get_by_label("Passwort", exact=True).fill(PASSWORD)
        await one.page.get_by_role("button", name="Anmelden").click()
        alarm = one.page.get_by_role("article", name=RULE)
        await alarm.get_by_role("button", name="Zurückstellen").click(timeout=30_000)
        dialog = one.page.get_by_role("dialog")
        await dialog.get_by_role("button", name="Zurückstellen").click()
        await expect(one.page.get_by_text("Ein Alarm wird aus einem Grund")).to_be_visible()
        await dialog.get_by_label("Grund").fill("cleaning")
        await dialog.get_by_role("button", name="Zurückstellen").click()
        await expect(alarm.get_by_text("cleaning")).to_be_visible(timeout=10_000)
        await one.shoot("alarms-german")
        await one.is_sound()
        await one.go("/alarms/silenced")
        now = one.page.get_by_role("listitem").filter(has_text=RULE)
        await expect(now.get_by_text("cleaning")).to_be_visible()
        await one.shoot("alarms-silenced")
        await one.is_sound()
    async with visit(browser, lab, WALL) as other:
        # Whose role may not order anything of the engine is shown no button for it.
        await other.log_in("quinn", to="/alarms")
        await expect(other.page.get_by_role("article", name=RULE)).to_be_visible()
        await expect(other.page.get_by_role("button", name="Shelve")).to_have_count(0)
        await other.page.get_by_role("button", name="Log out").click()
        await other.page.wait_for_url("**/login")
        await other.go("/alarms")
        await expect(other.page.get_by_role("button", name="Log in")).to_be_visible()
        assert other.faults == []
