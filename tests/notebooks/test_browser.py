"""The quickstart in a real browser: JupyterLab, all cells run, a step taken, nothing asked of other hosts."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from savevm_inspect.cli.lab import _QUIET
from savevm_inspect.timeline.timeline import Timeline
from savevm_inspect.trace.recorded import Recorded
from savevm_inspect.widgets.front import EXTENSION, labextension

ROOT = Path(__file__).parents[2]
TOKEN = "only-for-this-test"
WAIT_MS = 300_000
MOST_SAVED_BYTES = 60_000
CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


KINDS_OF_OUTPUT = """() => {
    const cells = window.jupyterapp.shell.currentWidget.content.widgets.filter(each => each.model.type === 'code');
    const outputs = cells.flatMap(each => each.model.outputs.toJSON());
    return [...new Set(outputs.map(each => each.output_type))].sort();
}"""

NOW_IS = """text => [...document.querySelectorAll('.jp-OutputArea-output *')].some(
    each => each.shadowRoot?.querySelector('ol button.now')?.innerText === text)"""

NUMBER_OF_CELLS = "window.jupyterapp.shell.currentWidget.content.widgets.length"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def install_extension(folder: Path) -> None:
    """Write the extension as it is now; an environment may have an older one."""
    for name, text in labextension().items():
        path = folder / EXTENSION / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@contextmanager
def jupyterlab(folder: Path, scratch: Path) -> Iterator[str]:
    """A JupyterLab on a folder, with settings of its own; yields its address."""
    notification = scratch / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    notification.parent.mkdir(parents=True)
    notification.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    install_extension(scratch / "extensions" / "labextensions")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HOME": str(scratch),
        "JUPYTER_CONFIG_DIR": str(scratch / "config"),
        "JUPYTER_DATA_DIR": str(scratch / "data"),
        "JUPYTER_RUNTIME_DIR": str(scratch / "runtime"),
        "JUPYTER_PATH": str(scratch / "extensions"),
        "JUPYTERLAB_WORKSPACES_DIR": str(scratch / "workspaces"),
        "JUPYTERLAB_SETTINGS_DIR": str(scratch / "settings"),
    }
    arguments = (
        f"--notebook-dir={folder}",
        f"--ServerApp.port={port}",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
        "--no-browser",
        "--allow-root",
        "--LabApp.expose_app_in_browser=True",
        "--JupyterNotebookApp.expose_app_in_browser=True",
        *_QUIET,
    )
    with (scratch / "lab.log").open("w") as log:
        lab = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *arguments], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            for _ in range(1500):
                try:
                    urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=10).close()
                    break
                except OSError:
                    assert lab.poll() is None, (scratch / "lab.log").read_text()[-2000:]
                    time.sleep(0.2)
            else:
                pytest.fail("JupyterLab did not answer within five minutes")
            yield address
        finally:
            lab.terminate()
            try:
                lab.wait(120)
            except subprocess.TimeoutExpired:
                lab.kill()
                lab.wait()


def opened(playwright: Playwright, notebook: str, asked: list[str]) -> tuple[Browser, Page]:
    """A browser with a notebook whose kernel is ready; it notes the addresses that are asked for."""
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(CHROMIUM))
    page = browser.new_page(viewport={"width": 1500, "height": 1300})
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda websocket: asked.append(websocket.url))
    page.goto(notebook)
    page.wait_for_selector(".jp-Notebook", timeout=WAIT_MS)
    page.wait_for_function(
        """() => {
            const session = window.jupyterapp?.shell.currentWidget?.context?.sessionContext?.session;
            return session?.kernel?.status === 'idle';
        }""",
        timeout=WAIT_MS,
    )
    return browser, page


def write_notebook(path: Path, *sources: str) -> None:
    """A notebook with these cells."""
    cells = [
        {
            "cell_type": "code",
            "id": f"cell{number}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for number, source in enumerate(sources)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook))


def run_all(page: Page) -> None:
    """Run all cells, and wait until each has run."""
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(
        """() => {
            const notebook = window.jupyterapp.shell.currentWidget.content;
            const cells = notebook.widgets.filter(each => each.model.type === 'code');
            return cells.length > 0 && cells.every(each => each.model.executionCount !== null)
                && cells.every(each => each.model.executionState !== 'running');
        }""",
        timeout=WAIT_MS,
    )


def show_cell(page: Page, source: str) -> None:
    """Scroll to a cell; JupyterLab draws only those that are in sight."""
    page.evaluate(
        """async source => {
            const notebook = window.jupyterapp.shell.currentWidget.content;
            const index = notebook.widgets.findIndex(each => each.model.sharedModel.getSource().includes(source));
            notebook.activeCellIndex = index;
            await notebook.scrollToItem(index, 'start');
        }""",
        source,
    )


@pytest.mark.browser
def test_the_quickstart_runs_in_jupyterlab_and_its_player_steps(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder)
    asked: list[str] = []
    with jupyterlab(folder, tmp_path) as address, sync_playwright() as playwright:
        browser, page = opened(playwright, f"{address}/lab/tree/00_quickstart.ipynb?token={TOKEN}", asked)
        run_all(page)
        assert page.evaluate(KINDS_OF_OUTPUT) == ["display_data", "execute_result", "stream"]

        show_cell(page, "si.replay(")
        player = page.locator("section.player")
        player.scroll_into_view_if_needed(timeout=WAIT_MS)
        now = player.locator("ol button.now")
        now.wait_for(timeout=WAIT_MS)
        before, following = now.inner_text(), player.locator("li:has(button.now) + li button").inner_text()
        page.wait_for_function(NOW_IS, arg=before)
        player.get_by_label("On by one event").click()
        page.wait_for_function(NOW_IS, arg=following)
        cells = page.evaluate(NUMBER_OF_CELLS)
        player.focus()
        page.keyboard.press("ArrowLeft")
        page.wait_for_function(NOW_IS, arg=before)
        for key in ("d", "d", "b", "m", "a"):  # these delete, insert, and change cells if the notebook gets them
            page.keyboard.press(key)
        player.get_by_label("On by one event").click()  # after those: messages keep their order
        assert page.evaluate(NUMBER_OF_CELLS) == cells
        assert player.get_by_text("its bytes").count() == 1

        show_cell(page, "si.explore(")
        explorer = page.locator("section.explorer")
        explorer.locator(".row.now").wait_for(timeout=WAIT_MS)
        explorer.get_by_role("listbox", name="bytes").press("Home")
        explorer.locator(".detail .name", has_text="header/magic").wait_for(timeout=WAIT_MS)
        browser.close()
    hosts = {urlsplit(url).hostname for url in asked if urlsplit(url).scheme not in ("data", "blob")}
    assert hosts == {"127.0.0.1"}


@pytest.mark.browser
def test_qemus_own_trace_is_gone_through_in_jupyterlab(traced: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    timeline = Timeline(Recorded.open(traced("trace-pc-11.1-precopy")).events())
    second = timeline.events[timeline.next_phase(0) or 0]
    source = f"import savevm_inspect as si\nsi.replay({str(traced('trace-pc-11.1-precopy'))!r})"
    write_notebook(folder / "trace.ipynb", source)
    with jupyterlab(folder, tmp_path) as address, sync_playwright() as playwright:
        browser, page = opened(playwright, f"{address}/lab/tree/trace.ipynb?token={TOKEN}", [])
        run_all(page)
        player = page.locator("section.player")
        player.locator("ol button.now").wait_for(timeout=WAIT_MS)
        player.get_by_label("Next phase").click()
        player.locator(".card", has_text=second.upstream or "").wait_for(timeout=WAIT_MS)
        assert "derived from the rules of the source code: phase, thread" in player.locator(".card").inner_text()
        browser.close()


def place(page: Page, text: str) -> None:
    """Wait until the player says where it is."""
    page.locator("section.player:visible .place", has_text=text).wait_for(timeout=WAIT_MS)


def execute(page: Page, code: str) -> None:
    """Have the notebook's kernel do something."""
    page.evaluate(
        """async code => {
            const kernel = window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel;
            await kernel.requestExecute({code, stop_on_error: true}).done;
        }""",
        code,
    )


def steps(page: Page) -> None:
    """Go on from wherever the player is, by key and by button, and back."""
    player = page.locator("section.player:visible")
    player.wait_for(timeout=WAIT_MS)
    player.press("Home")  # focuses the player first: a notebook that has just been opened takes the focus itself
    place(page, "event 0 of")
    player.press("ArrowRight")
    place(page, "event 1 of")
    player.get_by_label("On by one event").click()
    place(page, "event 2 of")
    player.press("ArrowLeft")
    place(page, "event 1 of")


SOURCE = 'import savevm_inspect as si\nplayer = si.replay("quickstart", at=13)\nplayer'

ALONE = "without its kernel"

WITH_BYTES = """() => [...document.querySelectorAll('.jp-OutputArea-output *')].some(
    each => each.shadowRoot?.querySelector('.bytes .hexrow'))"""


@pytest.mark.browser
def test_a_saved_player_steps_with_another_kernel_and_with_none(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write_notebook(folder / "saved.ipynb", SOURCE)
    with sync_playwright() as playwright:
        (tmp_path / "here").mkdir()
        with jupyterlab(folder, tmp_path / "here") as address:
            browser, page = opened(playwright, f"{address}/lab/tree/saved.ipynb?token={TOKEN}", [])
            run_all(page)
            place(page, "event 13 of")
            # One position: of the page, of the kernel, and of the page that is opened again.
            execute(page, "player.go_to(20)")
            place(page, "event 20 of")
            player = page.locator("section.player:visible")
            player.get_by_label("On by one event").click()
            place(page, "event 21 of")
            page.wait_for_timeout(500)  # as long as a page may collect its positions
            execute(page, "assert player.position == 21, player.position\nplayer.step()")
            place(page, "event 22 of")
            page.keyboard.press("Control+s")
            page.evaluate("window.jupyterapp.shell.currentWidget.context.save()")
            page.reload()
            place(page, "event 22 of")
            # The kernel ends: what is there stays, and steps.
            page.evaluate("window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()")
            player.get_by_text(ALONE).wait_for(timeout=WAIT_MS)
            steps(page)
            page.reload()
            player.get_by_text(ALONE).wait_for(timeout=WAIT_MS)
            place(page, "event 13 of")
            page.wait_for_function(WITH_BYTES)
            steps(page)
            browser.close()
        # Elsewhere: a machine that has no reason to trust the notebook. Its kernel knows no run; then there is none.
        saved = json.loads((folder / "saved.ipynb").read_text())
        assert "widgets" not in saved["metadata"]
        (data,) = (output["data"] for cell in saved["cells"] for output in cell["outputs"])
        assert len(json.dumps(data)) < MOST_SAVED_BYTES
        (tmp_path / "elsewhere").mkdir()
        with jupyterlab(folder, tmp_path / "elsewhere") as address:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(CHROMIUM))
            for path in ("lab/tree/saved.ipynb", "notebooks/saved.ipynb"):
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                page.goto(f"{address}/{path}?token={TOKEN}")
                place(page, "event 13 of")
                page.wait_for_function(WITH_BYTES)
                steps(page)
                cells = page.evaluate(NUMBER_OF_CELLS)
                for key in ("d", "d", "b", "m", "a"):
                    page.locator("section.player:visible").press(key)
                assert page.evaluate(NUMBER_OF_CELLS) == cells, path
                page.evaluate("window.jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")
                steps(page)
                page.close()
            browser.close()
