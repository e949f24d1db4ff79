"""How long the explorer takes in Chromium, from an action to the drawn bytes or rows, and what the answers weigh.

    nice -n 5 python benchmarks/explorer.py [STREAM ...]

Without arguments: a small capture, and the same one with 2 GiB after its end. Prints medians in milliseconds.
"""

import json
import lzma
import shutil
import sys
import tempfile
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

import savevm_inspect as si
from savevm_inspect.widgets.front import module

CAPTURE = Path(__file__).parents[1] / "tests" / "captures" / "x86-11.1-paused.mig.xz"
LARGE_BYTES = 1 << 31

PAGE = """<!doctype html><meta charset=utf-8><div id=place></div><script type="module">%s
const ask = async (question) => {
  const answer = await window.askPython(question);
  const bytes = answer.bytes && Uint8Array.from(atob(answer.bytes), (char) => char.charCodeAt(0));
  return {...answer.message, bytes};
};
const started = performance.now();
const stream = await ask({ask: "open"});
const host = {ask, chosen() {}, switched() {}, selected: {channel: 0, offset: 0, length: 1}, kaitai: false};
window.view = new ExplorerView(document.getElementById("place"), stream, host, STYLE);
window.opened = performance.now() - started;
</script>"""

MEASURE = """async (largest) => {
  const next = () => new Promise((done) => {
    const {port1, port2} = new MessageChannel();
    port2.onmessage = done;
    port1.postMessage(0);
  });
  const drawn = () => !/··|^…/m.test(view.hex.content.textContent + view.tree.content.textContent);
  const median = (list) => Number(list.sort((a, b) => a - b)[list.length >> 1].toFixed(1));
  const timed = async (times, action) => {
    const taken = [];
    for (let n = 0; n < times; n += 1) {
      const start = performance.now();
      await action(n);
      while (!drawn()) await next();
      view.root.getBoundingClientRect(); // lays the page out
      taken.push(performance.now() - start);
    }
    return median(taken);
  };
  const [[, length]] = view.stream.channels;
  const to = (offset) => view.select({channel: 0, offset: Math.floor(offset), length: 1}, {follow: false});
  const jump = await timed(20, (n) => to((length * (n + 0.5)) / 20));
  const scroll = await timed(40, () => view.hex.scrollTo(view.hex.top + 3));
  to(0);
  while (!drawn()) await next();
  const byte = await timed(40, to);
  const open = await timed(1, async () => {
    const answer = await view.host.ask({ask: "parts", record: largest, first: 0, count: 200, kaitai: false});
    view.rows.show(largest, answer.total);
    view.tree.resize(view.rows.count);
    view.tree.scrollTo(view.rows.indexOf({record: largest, part: 0}));
  });
  const rows = await timed(40, (n) => view.tree.scrollTo(view.rows.indexOf({record: largest, part: 97 * n})));
  return {jump, scroll, byte, open, rows, inPage: view.root.querySelectorAll('*').length};
}"""


def measure(browser: Browser, name: str, source: Path) -> None:
    """Open a stream and go through it."""
    with si.open_stream(source, mapped=True, strict=False) as stream:
        started = time.perf_counter()
        explorer = si.explore(stream)
        made_ms = (time.perf_counter() - started) * 1000
        weighed: list[int] = []

        def ask(question: Any) -> dict[str, Any]:
            message, pieces = explorer.answer(question) or ({}, [])
            weighed.append(len(json.dumps(message)) + sum(map(len, pieces)))
            return {"message": message, "bytes": b64encode(pieces[0]).decode() if pieces else None}

        outline = explorer.outline
        fields = [len(outline.parts(number)) for number in range(len(outline.records))]
        largest = fields.index(max(fields))
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.expose_function("askPython", ask)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page.html"
            path.write_text(PAGE % module().replace("</script", "<\\/script"), encoding="utf-8")
            page.goto(path.as_uri())
            page.wait_for_function("window.opened", timeout=120_000)
            opened_ms = page.evaluate("window.opened")
            found = page.evaluate(MEASURE, largest)
        page.close()
    print(f"{name}: {source.stat().st_size >> 20} MiB, {max(fields)} rows in the largest record;")
    print(f"  made in {made_ms:.0f} ms, open after {opened_ms:.0f} ms;")
    print(f"  an answer has {sorted(weighed)[len(weighed) // 2]} bytes (median), {max(weighed)} at most;")
    print(f"  median ms {json.dumps(found)}")


def main(arguments: list[str]) -> int:
    """Measure each stream."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        small, large = Path(folder) / "small.mig", Path(folder) / "large.mig"
        small.write_bytes(lzma.decompress(CAPTURE.read_bytes()))
        shutil.copy(small, large)
        with large.open("r+b") as file:
            file.truncate(LARGE_BYTES)
        given = [(Path(each).name, Path(each)) for each in arguments]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, path in given or [("small", small), ("2 GiB", large)]:
            measure(browser, name, path)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
