"""What an admin and people on call do: people, who stands in, drills, and where it can be read."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from culturewatch import paths
from tests.browser.conftest import PHONE, WALL, Visit, running, visit
from tests.integration.laboratory import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
DAYS = '"mon", "tue", "wed", "thu", "fri", "sat", "sun"'
ROTA = f"""
[[person]]
id = "ben"
channels = ["inbox"]

[[policy]]
id = "by-rota"
steps = [{{ after = "0s", to = ["@nights", "oncall"] }}]

[[rota]]
id = "nights"
shift = [
    {{ days = [{DAYS}], from = "08:00", to = "20:00", person = "oncall" }},
    {{ days = [{DAYS}], from = "20:00", to = "08:00", person = "ben" }},
]
"""


async def test_an_admin_enters_people_and_changes_who_is_on_call(
    tmp_path: Path, browser: Browser
) -> None:
    async with running(tmp_path / "site", more=ROTA) as lab:
        lab.begin()
        async with visit(browser, lab, WALL) as wall:
            await wall.log_in("ada", to="/system/people")
            await enters_a_person(wall)
        async with visit(browser, lab, PHONE) as phone:
            await phone.log_in("ada", to="/on-call")
            await changes_the_rota(phone)
            await sends_a_drill(phone)
            await until(lambda: "DRILL" in sent(phone).upper(), within_s=30.0)
        async with visit(browser, lab, WALL) as wall:
            await wall.log_in("ada", to="/system")
            await expect(wall.page.get_by_text("Clock", exact=True)).to_be_visible()
            await wall.is_sound()
            await wall.go("/system/trail")
            await chosen(wall.page, wall.page.get_by_label("Of what"), "rota")
            row = wall.page.get_by_role("row").filter(has_text="a wedding")
            await expect(row.first).to_be_visible()
            await wall.page.get_by_label("Search").fill("drill")
            await expect(row).to_have_count(0)
            await expect(wall.page.get_by_role("row").filter(has_text="drill")).not_to_have_count(0)
            await wall.shoot("trail")
            await wall.is_sound()


def form(page: Page, title: str) -> Locator:
    return page.locator(".form", has=page.get_by_role("heading", name=title))


async def chosen(page: Page, field: Locator, *options: str) -> None:
    await field.click()
    for option in options:
        await page.get_by_role("option", name=option, exact=True).click()
    await page.keyboard.press("Escape")


def sent(visited: Visit) -> str:
    path = paths.inbox(visited.lab.site.data)
    return path.read_text(encoding="utf-8") if path.exists() else ""


async def enters_a_person(wall: Visit) -> None:
    page = wall.page
    entering = form(page, "Enter a person")
    await entering.get_by_label("Id, such as").fill("sue")
    await entering.get_by_label("Printed name").fill("Sue Example")
    await chosen(page, entering.get_by_label("Roles"), "supervisor", "on-call")
    await entering.get_by_label("Reason").fill("a new colleague")
    await entering.get_by_role("button").last.click()
    once = page.get_by_role("status").filter(has_text="A password for sue")
    await expect(once).to_be_visible()
    password = await once.locator("code").inner_text()
    assert len(password) == 16
    await expect(page.get_by_role("row", name="sue")).to_contain_text("on-call, supervisor")
    await wall.shoot("people")
    await wall.is_sound()
    changing = form(page, "Change a person")
    await chosen(page, changing.get_by_label("Person"), "sue")
    await changing.get_by_label("Reason").fill("left again")
    await changing.get_by_role("button", name="Works here no more").click()
    gone = page.get_by_role("row", name="sue").get_by_role("cell", name="no", exact=True)
    await expect(gone).to_be_visible()
    await expect(once).to_have_count(0)


async def changes_the_rota(phone: Visit) -> None:
    page = phone.page
    await phone.shoot("on-call")
    await phone.is_sound()
    swapping = form(page, "Two people swap")
    await chosen(page, swapping.get_by_label("One", exact=True), "oncall")
    await chosen(page, swapping.get_by_label("The other", exact=True), "ben")
    await swapping.get_by_label("Reason").fill("a wedding")
    await swapping.get_by_role("button").last.click()
    change = page.get_by_text("a wedding")
    await expect(change).to_be_visible(timeout=15_000)
    taking = form(page, "Take a change back")
    await taking.get_by_label("Change").click()
    await page.get_by_role("option", name="nights: swap").click()
    await taking.get_by_label("Reason").fill("it was cancelled")
    await phone.shoot("on-call-swapped")
    await phone.is_sound()
    await taking.get_by_role("button").last.click()
    await expect(change).to_have_count(0, timeout=15_000)


async def sends_a_drill(phone: Visit) -> None:
    page = phone.page
    drill = form(page, "Send a drill")
    await chosen(page, drill.get_by_label("To whom"), "ben")
    await drill.get_by_role("button").last.click()
    row = page.get_by_role("row", name="ben").filter(has_text="inbox")
    await expect(row).to_contain_text("waiting for the answer", timeout=30_000)
    await phone.shoot("drill")
    await phone.is_sound()
