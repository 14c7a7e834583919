"""What people do at the bench: look at a device, place a batch, scan a label."""

import re

import pytest
from playwright.async_api import Browser, expect

from batches.batch import Signed
from batches.ledger import Ledger
from simulators.scenario import Door
from tests.browser.conftest import PASSWORD, PHONE, WALL, Lab, Visit, visit
from tests.integration.laboratory import scans, until

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
    # An incubator that was starved of time is asked again after a while only.
    await until(lambda: is_seen_open(lab), within_s=150.0)
    async with visit(browser, lab, PHONE) as phone:
        await phone.log_in("olga", to="/batches")
        field = phone.page.get_by_label("Search, or scan a label")
        await expect(phone.page.get_by_role("link", name=BATCH)).to_be_visible()
        await phone.shoot("batches")
        await phone.is_sound()
        await field.fill(BATCH)
        await field.press("Enter")
        await phone.page.wait_for_url(f"**/batches/{BATCH}")
        form = phone.page.locator(".form", has=phone.page.get_by_label("Device"))
        await form.get_by_label("Device").click()
        await phone.page.get_by_role("option", name="inc1").click()
        await form.get_by_label("Position").fill("shelf 1")
        # Pressed twice, as with gloves: it is placed once, and nobody reads of a refusal.
        await form.get_by_role("button").last.dblclick()
        await expect(phone.page.get_by_role("cell", name="shelf 1")).to_be_visible()
        await moves_by_scanner(phone)
        await phone.shoot("batch")
        await phone.is_sound()
    assert [stay.device for stay in ledger.stays(BATCH)] == ["inc1", "inc2"]
    async with visit(browser, lab, WALL) as wall:
        await wall.log_in("olga", to="/device/inc2")
        await expect(wall.page.get_by_role("cell", name="shelf 2")).to_be_visible()
        await wall.go("/device/inc1?span=1h")
        door = wall.page.get_by_role("heading", name="door")
        await expect(door).to_contain_text(re.compile("once|times"))
        await points(wall)
        await wall.shoot("device")
        await wall.is_sound()
        # The past of the device, in a span of one's own.
        await wall.page.get_by_label("From").fill("2026-01-01T00:00")
        await wall.page.get_by_role("button", name="Show").click()
        left = wall.page.get_by_role("region", name="Were inside in this span")
        await expect(left.get_by_role("cell", name="shelf 1")).to_be_visible()
        await wall.shoot("device-span")
        await wall.is_sound()
    async with visit(browser, lab, PHONE, locale="de-AT") as other:
        await other.go("/device/inc1?from=2026-01-09T11:00&to=2026-01-09T10:00")
        await other.page.get_by_label("Ihre Kennung").fill("olga")
        await other.page.get_by_label("Passwort", exact=True).fill(PASSWORD)
        await other.page.get_by_role("button", name="Anmelden").click()
        await expect(other.page.get_by_text("endet, bevor er beginnt")).to_be_visible()
        await other.shoot("device-german")
        await other.is_sound()


async def moves_by_scanner(phone: Visit) -> None:
    """Two labels, each ended by Enter as scanners do, and no hand on the screen."""
    scan = phone.page.get_by_label("Scan a label")
    await expect(scan).to_be_focused()
    await phone.page.keyboard.type("inc\n")
    await expect(phone.page.get_by_text("inc: no such device, batch or vial")).to_be_visible()
    await phone.page.keyboard.type("inc2\n")
    await expect(phone.page.get_by_label("Position")).to_be_focused()
    await phone.page.keyboard.type("shelf 2\n")
    await expect(phone.page.get_by_role("cell", name="shelf 2")).to_be_visible()
    await expect(scan).to_be_focused()
    await expect(phone.page.get_by_text("Refused")).to_have_count(0)


def is_seen_open(lab: Lab) -> bool:
    """Whether the journal has it that the door of inc1 is open."""
    newest = scans(lab.site, "inc1")[-1:]
    return [one.values[one.layout.keys.index("door")] for one in newest] == [1.0]


async def points(wall: Visit) -> None:
    """The cursor tells value and time, under the pointer and by the keys."""
    cursor = wall.page.get_by_role("slider", name="temperature")
    await cursor.hover()
    told = wall.page.get_by_role("region", name="temperature").locator(".readout")
    await expect(told).to_contain_text(" +0")
    await cursor.press("End")
    await expect(told).to_contain_text("°C")
    await expect(cursor).to_have_attribute("aria-valuetext", re.compile(r"^\d{4}-.* °C"))
    await cursor.press("Home")
    await expect(told).to_contain_text("nothing is known")
    # The chart is drawn anew after a while; who reads it by the keys stays where they are.
    drawn = await cursor.get_attribute("data-start")
    await cursor.press("End")
    await cursor.press("ArrowLeft")
    said = await told.inner_text()
    await expect(cursor).not_to_have_attribute("data-start", drawn or "", timeout=40_000)
    await expect(cursor).to_be_focused()
    await expect(told).to_contain_text(said[:16])
