"""At night, on a phone in dark colours: the room, a chart with a hole, and a PIN of one's own."""

import signal

import pytest
from playwright.async_api import Browser, expect

from console.pins import Pins, Verdict
from culturewatch import paths
from tests.browser.conftest import PASSWORD, PHONE, Lab, Visit, visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


async def test_on_call_in_the_dark(lab: Lab, browser: Browser) -> None:
    lab.begin()
    lab.enter("oncall", "on-call")
    async with visit(browser, lab, PHONE, scheme="dark") as phone:
        await phone.log_in("oncall")
        await expect(phone.page.get_by_text("figures are known and raise no alarm")).to_be_visible()
        await phone.shoot("now-dark")
        await phone.is_sound()
        await is_told_that_the_screen_is_old(phone)
        await sees_what_is_not_known(phone)
        await chooses_a_pin(phone)


async def is_told_that_the_screen_is_old(phone: Visit) -> None:
    """A console that hangs must not leave a screen that looks alive."""
    banner = phone.page.get_by_text("What you see below is OLD")
    await expect(banner).to_be_hidden()
    phone.lab.signal_console(signal.SIGSTOP)
    try:
        await expect(banner).to_be_visible(timeout=15_000)
        await expect(phone.page.locator("#heard")).to_contain_text("+0")
        await phone.shoot("lost-dark")
    finally:
        phone.lab.signal_console(signal.SIGCONT)
    await expect(banner).to_be_hidden(timeout=30_000)


async def sees_what_is_not_known(phone: Visit) -> None:
    """The site has just begun: nearly all of an hour is not known, and that is drawn and said."""
    await phone.go("/device/inc1?span=1h")
    chart = phone.page.get_by_role("region", name="temperature")
    await expect(chart.get_by_text("Not known, or for a part of the time:")).to_be_visible()
    gap = await chart.locator(".box .gap").first.bounding_box()
    box = await chart.locator(".box").bounding_box()
    assert gap is not None
    assert box is not None
    assert gap["width"] > 0.5 * box["width"]
    slider = chart.get_by_role("slider")
    assert (await slider.get_attribute("aria-label") or "").endswith("; not all is known")
    await phone.shoot("device-dark")
    await phone.is_sound()


async def chooses_a_pin(phone: Visit) -> None:
    await phone.page.get_by_role("link", name="Oncall").click()
    await expect(phone.page.get_by_text("You have no PIN:")).to_be_visible()
    for label, typed in (("Password", "guessed"), ("New PIN", "4711"), ("The same once", "4711")):
        await phone.page.get_by_label(label).fill(typed)
    press = phone.page.get_by_role("button", name="Choose this PIN")
    await press.click()
    await expect(phone.page.get_by_text("✖ Refused").first).to_be_visible()
    await phone.page.get_by_label("Password").fill(PASSWORD)
    # After a wrong password nobody's is looked at for a second.
    await phone.page.wait_for_timeout(1_100)
    await press.click()
    await expect(phone.page.get_by_text("✔ You have a PIN:")).to_be_visible()
    await phone.shoot("account-dark")
    await phone.is_sound()
    pins = Pins(paths.pins(phone.lab.site.data))
    assert pins.check("oncall", "4711") is Verdict.RIGHT
