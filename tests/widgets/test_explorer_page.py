"""The explorer in Chromium, with its kernel's side beside it: every control by mouse and by key."""

import json
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

import savevm_inspect as si
from savevm_inspect.widgets.explorer import Explorer
from savevm_inspect.widgets.front import module

WAIT_MS = 120_000

HARNESS = """
const ask = async (question) => {
  const answer = await window.askPython(question);
  if (!answer) throw new Error("no answer");
  const bytes = answer.bytes === null ? undefined : Uint8Array.from(atob(answer.bytes), (char) => char.charCodeAt(0));
  return {...answer.message, bytes};
};
window.chosen = [];
const chosen = (bytes) => window.chosen.push(bytes);
const host = {ask, chosen, switched() {}, selected: SELECTED, kaitai: false};
window.view = new ExplorerView(document.getElementById("place"), await ask({ask: "open"}), host, STYLE);
"""


def opened(browser: Browser, folder: Path, explorer: Explorer) -> Page:
    """A page with the explorer, whose questions an explorer in Python answers."""

    def ask(question: Any) -> dict[str, Any] | None:
        answer = explorer.answer(question)
        if answer is None:
            return None
        message, pieces = answer
        return {"message": message, "bytes": b64encode(pieces[0]).decode() if pieces else None}

    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.expose_function("askPython", ask)
    script = (module() + HARNESS.replace("SELECTED", json.dumps(explorer.selected))).replace("</script", "<\\/script")
    path = folder / "explorer.html"
    path.write_text(f'<!doctype html><meta charset=utf-8><div id=place></div><script type="module">{script}</script>')
    page.goto(path.as_uri())
    page.locator(".row.now").wait_for(timeout=WAIT_MS)
    return page


@pytest.fixture(scope="module")
def explorer(capture_path: Callable[[str], Path]) -> Iterator[Explorer]:
    with si.open_stream(capture_path("x86-11.1-paused")) as stream:
        explorer = si.explore(stream)
        explorer.select("serial", "state/lcr")
        yield explorer


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        shown = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield shown
        shown.close()


@pytest.fixture(scope="module")
def page(explorer: Explorer, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return opened(browser, tmp_path_factory.mktemp("page"), explorer)


def row(page: Page, text: str) -> None:
    """Wait until this row stands out."""
    page.locator(".row.now .name", has_text=text).wait_for(timeout=WAIT_MS)


def named(page: Page, text: str) -> None:
    """Wait until the byte under the cursor is said to be this."""
    page.locator(".detail .name", has_text=text).wait_for(timeout=WAIT_MS)


@pytest.mark.browser
def test_field_byte_and_row_lead_to_each_other(explorer: Explorer, page: Page) -> None:
    serial = explorer.stream["serial"]
    row(page, "lcr")
    named(page, "serial/state/lcr")
    # From a byte to its row.
    lsr = serial.field("state/lsr").span
    page.locator(f'.hexrow [data-offset="{lsr.offset}"]').click()
    row(page, "lsr")
    named(page, "serial/state/lsr")
    assert page.evaluate("window.chosen.at(-1)") == {"channel": 0, "offset": lsr.offset, "length": 1}
    # From a row to its bytes.
    page.locator(".row", has=page.get_by_text("divider", exact=True)).click()
    named(page, "serial/state/divider")
    divider = serial.field("state/divider").span
    marked = page.locator(".hexrow .mark")
    offsets = [int(marked.nth(number).get_attribute("data-offset") or "") for number in range(marked.count())]
    assert offsets == list(range(divider.offset, divider.end))
    # From our row to Kaitai's, and back.
    page.get_by_label("Our outline or Kaitai's tree (k)").click()
    page.locator(".row.now .muted", has_text="(uint16)").wait_for(timeout=WAIT_MS)
    row(page, "divider")
    page.keyboard.press("k")
    page.locator(".row.now .muted", has_text="(uint16)").wait_for(state="detached", timeout=WAIT_MS)
    row(page, "divider")


@pytest.mark.browser
def test_rows_and_bytes_are_gone_through_by_keys(explorer: Explorer, page: Page) -> None:
    tree, hexadecimal = page.get_by_role("listbox", name="outline"), page.get_by_role("listbox", name="bytes")
    tree.focus()
    page.keyboard.press("Home")
    row(page, "header")
    page.keyboard.press("ArrowRight")
    page.locator(".row .name", has_text="magic").wait_for(timeout=WAIT_MS)
    page.keyboard.press("ArrowDown")
    row(page, "magic")
    page.keyboard.press("ArrowLeft")
    page.locator(".row .name", has_text="magic").wait_for(state="detached", timeout=WAIT_MS)
    page.keyboard.press("End")
    row(page, "")
    hexadecimal.focus()
    page.keyboard.press("Home")
    named(page, "header/magic")
    page.keyboard.press("ArrowDown")
    named(page, "configuration/")
    page.keyboard.press("End")
    last = len(explorer.stream.buffer) - 1
    page.locator(".detail .muted", has_text=f"({last})").first.wait_for(timeout=WAIT_MS)
    page.keyboard.press("m")
    assert page.locator(".marks button").count() == 1
    page.keyboard.press("m")
    assert page.locator(".marks button").count() == 0
    page.keyboard.press("?")
    page.locator(".help").wait_for()
    page.keyboard.press("?")
    assert page.locator(".help").count() == 0


@pytest.mark.browser
def test_an_offset_is_gone_to_and_what_is_searched_is_found(explorer: Explorer, page: Page) -> None:
    span = explorer.stream["serial"].field("state/lcr").span
    page.get_by_role("listbox", name="outline").focus()
    page.keyboard.press("g")
    page.keyboard.type(f"{span.offset:#x}")
    page.keyboard.press("Enter")
    row(page, "lcr")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("serial lsr")
    page.keyboard.press("Enter")
    found = page.locator(".found li button")
    found.first.wait_for(timeout=WAIT_MS)
    assert "serial/state/lsr" in found.first.inner_text()
    found.first.click()
    row(page, "lsr")
    page.get_by_label("what to search").select_option("bytes")
    page.get_by_label("search", exact=True).fill("51 45 56 4d")
    page.keyboard.press("Enter")
    page.locator(".found li button", has_text="header/magic").click(timeout=WAIT_MS)
    named(page, "header/magic")
    page.get_by_label("search", exact=True).fill("no bytes")
    page.keyboard.press("Enter")
    page.locator(".found", has_text="bytes are written in hexadecimal").wait_for(timeout=WAIT_MS)


@pytest.mark.browser
def test_only_what_is_in_sight_is_in_the_page(page: Page) -> None:
    assert page.locator(".row").count() < 40
    assert page.locator(".hexrow").count() < 40
    page.get_by_role("listbox", name="bytes").hover()
    before = page.locator(".hexrow").first.inner_text()
    page.mouse.wheel(0, 4000)
    page.wait_for_function("text => view.hex.content.firstElementChild.innerText !== text", arg=before)


@pytest.mark.browser
def test_a_break_is_the_first_thing_shown_and_one_click_away(
    capture_path: Callable[[str], Path], browser: Browser, tmp_path: Path
) -> None:
    whole = capture_path("x86-11.1-paused").read_bytes()
    with si.open_stream(whole[: len(whole) // 2], strict=False) as stream:
        explorer = si.explore(stream)
        page = opened(browser, tmp_path, explorer)
        first = page.locator(".note").first
        assert "are left" in first.inner_text()
        first.get_by_role("button").click()
        place = getattr(stream.problems[0], "offset", 0)
        page.wait_for_function(
            "place => window.chosen.length && Math.abs(window.chosen[0].offset - place) < 2", arg=place
        )


@pytest.mark.browser
def test_hostile_names_stay_text_in_the_page(browser: Browser, tmp_path: Path) -> None:
    evil = "<img src=x onerror=window.hurt=1>"
    raw = bytearray(b"QEVM\0\0\0\3")
    raw += b"\4\0\0\0\1" + bytes([len(evil)]) + evil.encode() + bytes(8)
    raw += b"abc" + b"\x7e\0\0\0\1" + b"\0"
    with si.open_stream(raw, strict=False) as stream:
        page = opened(browser, tmp_path, si.explore(stream))
        page.locator(".row .name", has_text=evil).first.wait_for(timeout=WAIT_MS)
        assert page.evaluate("[window.hurt, view.root.querySelectorAll('img').length]") == [None, 0]
