"""Colours and style sheet; each phase and each curve has one colour wherever it is drawn.

JupyterLab says by an attribute of the page's body whether its theme is light; a published page has none, and follows
what its reader prefers.
"""

from collections.abc import Mapping
from typing import Final

from ..rules.phases import Phase

PHASE_COLOURS: Final[Mapping[Phase, str]] = {
    Phase.PREPARE: "#9aa5b1",
    Phase.SETUP: "#7c8fa6",
    Phase.ITERATE: "#4c78a8",
    Phase.SWITCHOVER: "#e45756",
    Phase.COMPLETE: "#f58518",
    Phase.LOAD: "#54a24b",
    Phase.POSTCOPY: "#b279a2",
    Phase.POSTCOPY_PAUSED: "#d67195",
    Phase.POSTCOPY_RECOVER: "#9d755d",
    Phase.CLEANUP: "#bab0ac",
}

MUST_PRECOPY: Final = "#1f5f99"
CAN_POSTCOPY: Final = "#8e5aa8"
THRESHOLD: Final = "#c23b3a"
POSITION: Final = "#111827"
NORMAL_PAGES: Final = "#4c78a8"
ZERO_PAGES: Final = "#a9bacb"
WASTED: Final = "#e0a3a0"
OPAQUE: Final = "#d8a13c"
OTHERS: Final = "#bab0ac"

RUN_TINTS: Final = 6
"""Number of tints that hex cells of neighbouring runs take turns in."""

THEMES: Final[Mapping[str, Mapping[str, str]]] = {
    "light": {
        "ink": "#1f2937",
        "muted": "#4b5563",
        "ground": "#ffffff",
        "line": "#d9e0e8",
        "mark": "#c23b3a",
        "t0": "#d6e6f5",
        "t1": "#fbe3c6",
        "t2": "#dcefd5",
        "t3": "#f7d9de",
        "t4": "#e5dcf0",
        "t5": "#f1ecc4",
    },
    "dark": {
        "ink": "#e5e7eb",
        "muted": "#b6bfcc",
        "ground": "#161c26",
        "line": "#3a465a",
        "mark": "#f27971",
        "t0": "#1f3c58",
        "t1": "#54380f",
        "t2": "#24441d",
        "t3": "#572530",
        "t4": "#3d2d55",
        "t5": "#4a4410",
    },
}
"""What things stand out by: each has the same name in both themes."""


def _variables(theme: str) -> str:
    return " ".join(f"--svi-{name}: {colour};" for name, colour in THEMES[theme].items())


_RULES: Final = """
.svi { font: 13px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--svi-ink);
  box-sizing: border-box; max-width: 100%; overflow-wrap: anywhere; }
.svi *, .svi *::before { box-sizing: border-box; }
.svi.svi h3 { font-size: 17px; font-weight: 650; margin: 0 0 2px; line-height: 1.3; }
.svi.svi h4 { font-size: 12px; font-weight: 650; color: var(--svi-muted); margin: 0 0 6px; }
.svi .muted { color: var(--svi-muted); }
.svi.svi .mono, .svi.svi pre { font: 12px/1.55 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.svi .panel { border: 1px solid var(--svi-line); border-radius: 6px; padding: 10px 12px;
  background: var(--svi-ground); overflow-x: auto; }
.svi.svi table { border-collapse: collapse; width: 100%; font-size: 12.5px; margin: 0;
  table-layout: auto; border: 0; }
.svi.svi table.rows { width: auto; min-width: 50%; }
.svi.svi tr, .svi.svi tbody tr:nth-child(odd), .svi.svi tbody tr:hover { background: transparent; }
.svi.svi th, .svi.svi td { text-align: left; vertical-align: top; padding: 3px 12px 3px 0; border: 0;
  line-height: 1.45; border-bottom: 1px solid var(--svi-line); max-width: none; white-space: normal;
  overflow-wrap: anywhere; }
.svi.svi table.rows td { overflow-wrap: break-word; padding-right: 22px; }
.svi.svi .columns table.rows td { padding-right: 12px; }
.svi.svi th { color: var(--svi-muted); font-weight: 500; white-space: nowrap; }
.svi.svi thead th { border-bottom: 1px solid var(--svi-muted); color: var(--svi-ink); font-weight: 600; }
.svi.svi td.number, .svi.svi th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.svi.svi pre { margin: 0; padding: 0; white-space: pre; overflow-x: auto; background: transparent; color: inherit; }
.svi .hex .at { color: var(--svi-muted); }
.svi .hex b { font-weight: 400; border-radius: 2px; padding: 1px 0; }
.svi .hex b.mark { outline: 2px solid var(--svi-mark); outline-offset: -1px; }
.svi .t0 { background: var(--svi-t0); } .svi .t1 { background: var(--svi-t1); }
.svi .t2 { background: var(--svi-t2); } .svi .t3 { background: var(--svi-t3); }
.svi .t4 { background: var(--svi-t4); } .svi .t5 { background: var(--svi-t5); }
.svi .bytes { display: flex; flex-wrap: wrap; gap: 8px 24px; align-items: flex-start; }
.svi .bytes pre { flex: 0 1 auto; min-width: 0; }
.svi .legend { flex: 1 1 340px; min-width: 0; max-height: 480px; overflow-y: auto; }
.svi.svi .legend td { padding: 2px 12px 2px 0; }
.svi.svi .legend td:first-child { width: 18px; padding-right: 6px; }
.svi.svi .legend td:nth-child(2) { min-width: 150px; }
.svi.svi .legend td:last-child { white-space: nowrap; }
.svi .swatch { display: inline-block; width: 12px; height: 12px; border-radius: 2px; vertical-align: -1px; }
.svi .columns { display: flex; flex-wrap: wrap; gap: 10px; align-items: flex-start; }
.svi .columns > * { flex: 1 1 240px; min-width: 0; }
.svi .columns > .wide { flex: 2 1 480px; }
.svi .panel + .panel,.svi .columns + .panel { margin-top: 10px; }
.svi .note { color: var(--svi-muted); font-size: 12px; margin-top: 6px; }
"""

STYLE: Final = (
    f"<style>.svi {{ {_variables('light')} }}\n"
    f'[data-jp-theme-light="false"] .svi {{ {_variables("dark")} }}\n'
    f"@media (prefers-color-scheme: dark) {{ body:not([data-jp-theme-light]) .svi {{ {_variables('dark')} }} }}"
    f"{_RULES}</style>"
)
"""Put before the first piece of HTML that uses it; everything lies within an element of class ``svi``."""
