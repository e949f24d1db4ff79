"""Every text of a published page can be read, in both themes: contrast computed from what Chromium draws."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import sync_playwright

from savevm_inspect.widgets.publish import publish

CAPTURE = Path(__file__).parents[1] / "captures" / "x86-11.1-paused.mig.xz"

CELLS = (
    f"import savevm_inspect as si\nstream = si.open_stream({str(CAPTURE)!r})",
    "si.replay('postcopy', at=60)",
    "stream",
    "stream.devices[0]",
    "from savevm_inspect.widgets import show\nshow.show_table(('name', 'number'), [('one', 1), ('two', 2)])",
    "show.show_bytes(stream, stream['serial'].sections[0].span)",
    "show.show_format({'meta': {'id': 'one'}, 'seq': [{'id': 'two', 'type': 'u4'}]})",
    "si.explore(stream)",
    "print('text')",
)

TOO_LOW = """() => {
  const channels = (text) => (text.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const part = (each) => (each / 255 <= 0.04045 ? each / 255 / 12.92 : ((each / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const above = (node) => node.parentElement ?? node.getRootNode().host ?? null;
  const found = [];
  let seen = 0;
  const ground = (element) => {
    const layers = [];
    for (let each = element; each; each = above(each)) {
      const svg = each.ownerSVGElement?.querySelector('rect');
      const [r, g, b, a = 1] = channels(svg ? getComputedStyle(svg).fill : getComputedStyle(each).backgroundColor);
      layers.push([r, g, b, a]);
      if (a === 1) break;
    }
    const page = matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
    const mixed = (under, [r, g, b, a]) => [r, g, b].map((each, i) => each * a + under[i] * (1 - a));
    return layers.reverse().reduce(mixed, page);
  };
  const walk = (root) => {
    for (const element of root.querySelectorAll('*')) {
      if (element.shadowRoot) walk(element.shadowRoot);
      const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
      if (!own || element.matches('style, script, title, .highlight *') || !element.getClientRects().length) continue;
      seen += 1;
      const style = getComputedStyle(element);
      const ink = channels(element.ownerSVGElement ? style.fill : style.color);
      const [low, high] = [luminance(ink), luminance(ground(element))].sort((a, b) => a - b);
      const contrast = (high + 0.05) / (low + 0.05);
      const text = element.textContent.trim().slice(0, 40);
      if (contrast < 4.5) found.push(`${contrast.toFixed(2)}: ${text} ${ink} on ${ground(element)}`);
    }
  };
  walk(document.body);
  return {found: [...new Set(found)].slice(0, 40), seen};
}"""
"""Code is left out: its colours are JupyterLab's."""


@pytest.mark.browser
def test_every_text_of_a_page_can_be_read_in_both_themes(tmp_path: Path) -> None:
    notebook = tmp_path / "all.ipynb"
    cells = [new_markdown_cell("# Heading\n\nText, `code`, [a link](#heading)\n\n| a | b |\n|---|---|\n| 1 | 2 |")]
    nbformat.write(new_notebook(cells=[*cells, *map(new_code_cell, CELLS)]), notebook)
    page_path = publish(notebook, tmp_path / "all.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        grounds = set()
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
            page.goto(page_path.as_uri())
            page.wait_for_selector(".player .place b", timeout=120_000)
            drawn = page.evaluate(TOO_LOW)
            page.screenshot(path=tmp_path / f"{scheme}.png", full_page=True)
            assert drawn["found"] == [], scheme
            assert drawn["seen"] > 200, "the player, tables, bytes, and the explorer's picture"
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert len(grounds) == 2
        browser.close()
