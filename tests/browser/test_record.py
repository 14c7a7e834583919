"""A batch's record, from the bench to the archive: placed, closed, made, signed by two people."""

import io
import zipfile
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from batches.batch import Signed
from batches.ledger import Ledger
from batches.verify import verify
from tests.browser.conftest import PASSWORD, PHONE, WALL, Lab, Visit, visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
BATCH = "B-2026-0001"
HERE = f"/batches/{BATCH}/record"
LONG = 60_000
"""Milliseconds: on a machine that does much else, pages take a minute to be set."""


async def sign(page: Page, person: str, password: str) -> None:
    await page.get_by_label("Your id").fill(person)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign", exact=True).click()


async def test_a_record_is_made_and_signed_by_two_people_and_taken_along(
    lab: Lab, browser: Browser, tmp_path: Path
) -> None:
    lab.begin()
    lab.enter("olga", "operator")
    lab.enter("quinn", "qa")
    ledger = Ledger(lab.site.ledger_url)
    ledger.open_batch(BATCH, product="Fibroblasts", act=Signed(by="olga"))
    async with visit(browser, lab, PHONE) as phone:
        await phone.log_in("olga", to=f"/batches/{BATCH}")
        await placed_and_closed(phone.page)
        assert not ledger.batch(BATCH).is_open
        await phone.page.get_by_role("link", name="Preview, make and sign").click()
        await previewed_and_prepared(phone)
    async with visit(browser, lab, WALL) as wall:
        await wall.log_in("quinn", to=HERE)
        await reviewed_and_approved(wall)
        taken = await wall.context.request.get(f"{lab.address}/records/{BATCH}/1/record.zip")
        assert taken.status == 200
        with zipfile.ZipFile(io.BytesIO(await taken.body())) as made:
            made.extractall(tmp_path / "taken")
    report = verify(tmp_path / "taken" / f"{BATCH}-1", data=lab.site.data)
    assert report.sound, report.faults
    assert [one for one in report.checked if "approved by Quinn (quinn, qa)" in one]
    kinds = [line.item for line in ledger.trail().lines if line.area in {"signature", "export"}]
    assert kinds.count("preview") == 1
    assert "version 1: record.zip" in kinds
    assert verify(lab.site.data).sound


async def placed_and_closed(page: Page) -> None:
    form = page.locator(".form", has=page.get_by_label("Device"))
    await form.get_by_label("Device").click()
    await page.get_by_role("option", name="inc1").click()
    await form.get_by_role("button").last.click()
    await expect(page.get_by_role("cell", name="inc1")).to_be_visible()
    closing = page.locator(".form", has=page.get_by_label("Reason, where"))
    await closing.get_by_label("Reason, where").fill("moved on before a day was over")
    await closing.get_by_role("button").click()
    await expect(form).to_have_count(0, timeout=LONG)


async def previewed_and_prepared(phone: Visit) -> None:
    page = phone.page
    await page.get_by_role("button", name="Preview").click()
    answers = page.get_by_role("region", name="Preview")
    await expect(answers.get_by_text("Complete?")).to_be_visible(timeout=LONG)
    await expect(answers.get_by_text("In limits?")).to_be_visible()
    await phone.shoot("record-preview")
    await phone.is_sound()
    await expect(page.get_by_text("None was made yet.")).to_be_visible()
    await page.get_by_role("button", name="Make the record").click()
    version = page.get_by_role("article").filter(has_text="Version 1")
    await expect(version).to_be_visible(timeout=LONG)
    await sign(page, "olga", "wrong horse 1")
    await expect(page.get_by_text("password is wrong")).to_be_visible()
    await sign(page, "quinn", PASSWORD)
    await expect(page.get_by_text("signs with their own id")).to_be_visible()
    await phone.shoot("record-sign")
    await phone.is_sound()
    # A wrong password costs who typed it a second, as the screen would say.
    await page.wait_for_timeout(1_000)
    await sign(page, "olga", PASSWORD)
    await expect(version.get_by_text("by Olga (olga, operator)")).to_be_visible(timeout=LONG)
    # What comes next is not the turn of who prepared it.
    await expect(page.get_by_role("button", name="Sign", exact=True)).to_have_count(0)


async def reviewed_and_approved(wall: Visit) -> None:
    page = wall.page
    await expect(page.get_by_text("Sign version 1 as reviewed")).to_be_visible()
    await sign(page, "quinn", PASSWORD)
    await expect(page.get_by_text("Sign version 1 as approved")).to_be_visible(timeout=LONG)
    await sign(page, "quinn", PASSWORD)
    await expect(page.get_by_text("say of each open item")).to_be_visible(timeout=LONG)
    await wall.shoot("record-approve")
    await wall.is_sound()
    for field in await page.get_by_label("does not stand against it").all():
        await field.fill("Judged: the cells were on the bench.")
    await sign(page, "quinn", PASSWORD)
    signed = page.get_by_role("article").filter(has_text="Version 1")
    await expect(signed.get_by_text("I approve it")).to_be_visible(timeout=LONG)
    await wall.shoot("record-signed")
    await wall.is_sound()
