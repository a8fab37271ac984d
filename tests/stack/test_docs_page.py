"""The page of the API's document in a real browser: it loads, signs in with two factors, and calls the running API."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from deployed import settle
from playwright.sync_api import ConsoleMessage, Page, Request, expect, sync_playwright

from local.client import Client, Codes
from local.stack import Stack

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Seen:
    """What a page asked for and complained of."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("request", self._requested)
        page.on("console", self._told)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self.complaints.append(f"{request.url}: {request.failure}"))

    def _requested(self, request: Request) -> None:
        self.requests.append(request.url)

    def _told(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)


@pytest.fixture(scope="module")
def owner(stack: Stack) -> Client:
    """Somebody who has never signed in: the page sets up the second factor."""
    return stack.new_workspace(sign_in=False)


@pytest.fixture(scope="module")
def seen() -> Seen:
    return Seen()


@pytest.fixture(scope="module")
def page(stack: Stack, seen: Seen) -> Iterator[Page]:
    """The page, just loaded, in a browser of this machine."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert found, "no Chromium here: `make browser` installs it or says what to do"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found)
        opened = browser.new_context(viewport={"width": 1280, "height": 1600}).new_page()
        seen.watch(opened)
        opened.clock.install()
        opened.goto(f"{stack.api}/docs")
        expect(opened.locator("#operations-People-create_person")).to_be_visible(timeout=30_000)
        yield opened
        browser.close()


@pytest.fixture(scope="module")
def signed_in(page: Page, owner: Client) -> Page:
    """Both factors, through the page's form; the second one is set up there."""
    give_password(page, owner, owner.password)
    expect(page.locator("#secret")).not_to_be_empty()
    owner.codes = Codes(page.inner_text("#secret"))
    give_code(page, owner)
    return page


def give_password(page: Page, owner: Client, password: str) -> None:
    page.fill("#workspace", owner.workspace)
    page.fill("#email", owner.email)
    page.fill("#password", password)
    page.click("#first-factor button")


def give_code(page: Page, owner: Client) -> None:
    assert owner.codes is not None
    page.fill("#code", owner.codes.next())
    page.click("#second-factor button:has-text('Verify')")
    expect(page.locator("#signed-in")).to_be_visible()


@pytest.fixture(scope="module")
def tried_out(signed_in: Page, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A person made by trying the operation out; the answer as the page shows it."""
    operation = signed_in.locator("#operations-People-create_person")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.locator("textarea.body-param__text").fill('{"name": "Grace Hopper", "external_id": "docs-page-1"}')
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table tbody .response-col_status")).to_contain_text("201", timeout=30_000)
    shot = Path(tmp_path_factory.mktemp("docs-page")) / "tried-out.png"
    signed_in.screenshot(path=shot)
    print(f"screenshot: {shot}")
    return operation.locator(".live-responses-table tbody .response-col_description").inner_text()


def test_it_shows_every_operation(page: Page) -> None:
    document = page.request.get(f"{page.url.rpartition('/')[0]}/v1/openapi.json").json()
    for item in document["paths"].values():
        for operation in item.values():
            (tag,) = operation["tags"]
            assert page.locator(f"[id='operations-{tag.replace(' ', '_')}-{operation['operationId']}']").count() == 1


def test_an_operation_tried_out_there_is_done_and_its_answer_shown(tried_out: str, signed_in: Page) -> None:
    assert '"name": "Grace Hopper"' in tried_out
    assert "x-request-id" in tried_out.lower()
    expect(signed_in.locator("#whose")).not_to_be_empty()


def test_what_is_done_there_is_on_record(tried_out: str, stack: Stack, owner: Client) -> None:
    records = settle(stack, owner.tenant)
    made = [each for each in records if each["api"]["operation"] == "people.create"]
    assert [each["status_code"] for each in made] == ["ok"]
    assert made[0]["actor"]["session"]["is_mfa"] is True
    assert tried_out


def test_it_loads_nothing_from_elsewhere_and_complains_of_nothing(tried_out: str, stack: Stack, seen: Seen) -> None:
    assert tried_out
    assert seen.complaints == []
    assert {urlsplit(each).netloc for each in seen.requests if not each.startswith("data:")} == {
        urlsplit(stack.api).netloc
    }


def test_the_page_of_problems_loads_as_well(page: Page, stack: Stack) -> None:
    other, seen = page.context.new_page(), Seen()
    seen.watch(other)
    other.goto(f"{stack.api}/docs/problems")
    expect(other.locator("#precondition-failed")).to_contain_text("412")
    other.close()
    assert seen.complaints == []


def operations(stack: Stack, owner: Client) -> list[str]:
    return [each["api"]["operation"] for each in settle(stack, owner.tenant)]


def test_it_stays_signed_in_while_it_is_open(tried_out: str, signed_in: Page, stack: Stack, owner: Client) -> None:
    assert tried_out
    assert "sessions.refresh" not in operations(stack, owner)
    with signed_in.expect_response("**/v1/sessions/refresh") as renewed:
        signed_in.clock.fast_forward("09:31")
    assert renewed.value.status == 200
    expect(signed_in.locator("#signed-in")).to_be_visible()
    assert "sessions.refresh" in operations(stack, owner)


def test_signing_out_ends_the_session(tried_out: str, signed_in: Page, stack: Stack, owner: Client) -> None:
    assert tried_out
    signed_in.click("#signed-in button")
    expect(signed_in.locator("#message")).to_have_text("Signed out.")
    assert "sessions.delete" in operations(stack, owner)


def test_a_wrong_password_is_told_in_words_and_the_right_one_asks_for_a_code_alone(
    signed_in: Page, owner: Client
) -> None:
    signed_in.reload()
    give_password(signed_in, owner, "not the password at all")
    expect(signed_in.locator("#message.refused")).to_contain_text("Check workspace, e-mail, password and code")
    give_password(signed_in, owner, owner.password)
    expect(signed_in.locator("#code")).to_be_visible()
    expect(signed_in.locator("#enrolment")).to_be_hidden()
    give_code(signed_in, owner)
