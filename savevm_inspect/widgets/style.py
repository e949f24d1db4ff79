"""Colours and style sheet; each phase and each curve has one colour wherever it is drawn."""

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

STYLE: Final = """<style>
.svi { font: 13px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: #1f2937;
  box-sizing: border-box; max-width: 100%; overflow-wrap: anywhere; }
.svi *, .svi *::before { box-sizing: border-box; }
.svi-pane > .widget-html-content { flex: 1 1 0; min-width: 0; }
.svi.svi h3 { font-size: 17px; font-weight: 650; margin: 0 0 2px; line-height: 1.3; }
.svi.svi h4 { font-size: 12px; font-weight: 650; color: #64748b; margin: 0 0 6px; }
.svi .muted { color: #64748b; }
.svi.svi .mono, .svi.svi pre { font: 12px/1.55 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.svi .panel { border: 1px solid #d9e0e8; border-radius: 6px; padding: 10px 12px; background: #fff; overflow-x: auto; }
.svi .failed { border-color: #c23b3a; background: #fdf3f2; }
.svi .promise { border-left: 3px solid #4c78a8; background: #f3f6fa; padding: 6px 10px; margin: 8px 0; }
.svi .chip { display: inline-block; border-radius: 10px; padding: 0 8px; font-size: 11px; font-weight: 600;
  line-height: 18px; color: #fff; white-space: nowrap; vertical-align: 2px; }
.svi.svi table { border-collapse: collapse; width: 100%; font-size: 12.5px; margin: 0;
  table-layout: auto; border: 0; }
.svi.svi table.rows { width: auto; min-width: 50%; }
.svi.svi tr, .svi.svi tbody tr:nth-child(odd), .svi.svi tbody tr:hover { background: transparent; }
.svi.svi th, .svi.svi td { text-align: left; vertical-align: top; padding: 3px 12px 3px 0; border: 0;
  line-height: 1.45; border-bottom: 1px solid #edf1f5; max-width: none; white-space: normal;
  overflow-wrap: anywhere; }
.svi.svi table.rows td { overflow-wrap: break-word; padding-right: 22px; }
.svi.svi .columns table.rows td { padding-right: 12px; }
.svi.svi th { color: #64748b; font-weight: 500; white-space: nowrap; }
.svi.svi thead th { border-bottom: 1px solid #b8c4d0; color: #334155; font-weight: 600; }
.svi.svi td.number, .svi.svi th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.svi.svi td.changed { font-weight: 650; color: #0b5394; background: #e8f2fb; box-shadow: -6px 0 0 #e8f2fb; }
.svi.svi pre { margin: 0; padding: 0; white-space: pre; overflow-x: auto; background: transparent; color: inherit; }
.svi .hex .at { color: #94a3b8; }
.svi .hex b { font-weight: 400; border-radius: 2px; padding: 1px 0; }
.svi .hex b.mark { outline: 2px solid #c23b3a; outline-offset: -1px; }
.svi .t0 { background: #d6e6f5; } .svi .t1 { background: #fbe3c6; } .svi .t2 { background: #dcefd5; }
.svi .t3 { background: #f7d9de; } .svi .t4 { background: #e5dcf0; } .svi .t5 { background: #f1ecc4; }
.svi .bytes { display: flex; flex-wrap: wrap; gap: 8px 24px; align-items: flex-start; }
.svi .bytes pre { flex: 0 1 auto; min-width: 0; }
.svi .legend { flex: 1 1 340px; min-width: 0; max-height: 480px; overflow-y: auto; }
.svi.svi .legend td { padding: 2px 12px 2px 0; }
.svi.svi .legend td:first-child { width: 18px; padding-right: 6px; }
.svi.svi .legend td:nth-child(2) { min-width: 150px; }
.svi.svi .legend td:last-child { white-space: nowrap; }
.svi .swatch { display: inline-block; width: 12px; height: 12px; border-radius: 2px; vertical-align: -1px; }
.svi.svi ol.events { list-style: none; margin: 0; padding: 0; }
.svi.svi ol.events li { padding: 1px 6px; margin: 0; border-radius: 4px; border-left: 3px solid transparent;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.svi.svi ol.events li.now { background: #e8f0f8; border-left-color: #1f5f99; font-weight: 650; }
.svi .columns { display: flex; flex-wrap: wrap; gap: 10px; align-items: flex-start; }
.svi .columns > * { flex: 1 1 240px; min-width: 0; }
.svi .columns > .wide { flex: 2 1 480px; }
.svi .panel + .panel, .svi .columns + .panel { margin-top: 10px; }
.svi .note { color: #64748b; font-size: 12px; margin-top: 6px; }
</style>"""
"""Put before the first piece of HTML that uses it; everything lies within an element of class ``svi``."""
