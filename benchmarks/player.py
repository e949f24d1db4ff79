"""How long a step of the player takes in Chromium, from the key to the end of the drawing, in a short and a long run.

    nice -n 5 python benchmarks/player.py

Prints, for each length: bytes an event, the time to open, and the median of steps, jumps and zooms in milliseconds.
"""

import json
import shutil
import sys
import tempfile
import time
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import sync_playwright

import savevm_inspect as si
from savevm_inspect.timeline.timeline import Timeline
from savevm_inspect.views.run_columns import packed, run_columns
from savevm_inspect.widgets.front import page_element, page_script

REPEATS = (1, 61)
"""209 events, and 12,749."""

MEASURE = """async () => {
  const root = document.querySelector('[data-savevm-inspect]').shadowRoot.querySelector('.player');
  const median = (list) => list.sort((a, b) => a - b)[list.length >> 1].toFixed(2);
  const found = {};
  for (const key of ['ArrowRight', 'PageDown', 'n', '+']) {
    const taken = [];
    for (let n = 0; n < 40; n += 1) {
      await new Promise((done) => setTimeout(done, 5));
      const start = performance.now();
      root.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, composed: true}));
      root.getBoundingClientRect(); // lays the page out
      taken.push(performance.now() - start);
    }
    found[key] = median(taken);
  }
  return found;
}"""


def long_run(repeats: int) -> Timeline:
    """The quickstart so many times, one after the other."""
    events = si.run("quickstart").events
    lasts_us = events[-1].time_us
    return Timeline(
        replace(event, seq=n * len(events) + event.seq, time_us=n * lasts_us + event.time_us)
        for n in range(repeats)
        for event in events
    )


def page(timeline: Timeline) -> tuple[str, int]:
    """A page with a player, and the bytes of its run."""
    run = packed({**run_columns(timeline), "name": "benchmark", "made_by": "engine", "notes": []})
    data = {"position": 0, "run": b64encode(run).decode(), "bytes": b64encode(packed({})).decode()}
    return f"<!doctype html><meta charset=utf-8>{page_element(data)}{page_script()}", len(run)


def main() -> int:
    """Measure both lengths."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for repeats in REPEATS:
            timeline = long_run(repeats)
            started = time.process_time()
            text, run_bytes = page(timeline)
            made_s = time.process_time() - started
            path = Path(folder) / f"{repeats}.html"
            path.write_text(text, encoding="utf-8")
            shown = browser.new_page(viewport={"width": 1280, "height": 800})
            shown.goto(path.as_uri())
            shown.wait_for_selector(".player .place b", timeout=120_000)
            opened_ms = shown.evaluate("performance.now()")
            print(
                f"{len(timeline)} events: {run_bytes / len(timeline):.1f} bytes an event, columns made in "
                f"{made_s:.2f} s, open after {opened_ms:.0f} ms, median ms {json.dumps(shown.evaluate(MEASURE))}"
            )
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
