"""What people do at the bench: look at a device, place a batch, scan a label."""

import pytest
from playwright.async_api import Browser, expect

from batches.batch import Signed
from batches.ledger import Ledger
from simulators.scenario import Door
from tests.browser.conftest import PHONE, WALL, Lab, visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
BATCH = "B-2026-0001"


async def test_a_batch_is_scanned_placed_and_moved_and_seen_on_its_devices(
    lab: Lab, browser: Browser
) -> None:
    lab.begin()
    lab.enter("olga", "operator")
    ledger = Ledger(lab.site.ledger_url)
    ledger.open_batch(BATCH, product="Fibroblasts", act=Signed(by="olga"))
    lab.rooms.act(Door(device="inc1", open=True))
    async with visit(browser, lab, PHONE) as phone:
        await phone.log_in("olga", to="/batches")
        field = phone.page.get_by_label("Search, or scan a label")
        await expect(phone.page.get_by_role("link", name=BATCH)).to_be_visible()
        await phone.shoot("batches")
        await phone.is_sound()
        await field.fill(BATCH)
        await field.press("Enter")
        await phone.page.wait_for_url(f"**/batches/{BATCH}")
        for device, position in (("inc1", "shelf 1"), ("inc2", "shelf 2")):
            form = phone.page.locator(".form", has=phone.page.get_by_label("Device"))
            await form.get_by_label("Device").click()
            await phone.page.get_by_role("option", name=device).click()
            await form.get_by_label("Position").fill(position)
            await form.get_by_role("button").last.click()
            await expect(phone.page.get_by_role("cell", name=position)).to_be_visible()
        await phone.shoot("batch")
        await phone.is_sound()
    assert [stay.device for stay in ledger.stays(BATCH)] == ["inc1", "inc2"]
    async with visit(browser, lab, WALL) as wall:
        await wall.log_in("olga", to="/device/inc2")
        await expect(wall.page.get_by_role("cell", name="shelf 2")).to_be_visible()
        await wall.go("/device/inc1?span=1h")
        # Charts are drawn anew each quarter of a minute.
        door = wall.page.get_by_role("heading", name="door")
        await expect(door).to_contain_text("times", timeout=20_000)
        await wall.shoot("device")
        await wall.is_sound()
