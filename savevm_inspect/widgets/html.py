"""Pieces of HTML. Names and values come from streams that nobody vouches for: all text goes through :func:`esc`."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby

from ..markup import esc
from ..views.hexdump import UNNAMED, HexRow
from ..views.named import NamedBytes
from .style import RUN_TINTS, STYLE

_LEGEND_RUNS = 100
_MEANING_CHARS = 160


def page(*pieces: str) -> str:
    """Pieces with the style sheet that they need."""
    return f'{STYLE}<div class="svi">{"".join(pieces)}</div>'


def panel(heading: str, *pieces: str) -> str:
    """A framed box with a heading."""
    return f'<div class="panel"><h4>{esc(heading)}</h4>{"".join(pieces)}</div>'


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; columns of numbers stand to the right.

    Args:
        columns: their headings.
        rows: one value a column.
    """
    listed = [tuple(row) for row in rows]
    right = [
        bool(listed)
        and all(isinstance(row[index], int | float) and not isinstance(row[index], bool) for row in listed)
        for index in range(len(columns))
    ]
    classes = [' class="number"' if each else "" for each in right]
    head = "".join(f"<th{cls}>{esc(column)}</th>" for cls, column in zip(classes, columns, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{cls}>{esc(_text(value))}</td>' for cls, value in zip(classes, row, strict=True))}</tr>"
        for row in listed
    )
    return f'<table class="rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else str(value)


def hex_pane(rows: Sequence[HexRow], runs: Sequence[NamedBytes], *, note: str = "") -> str:
    """Bytes in hexadecimal and as text, each run of one name on its tint, and a legend of the names.

    Args:
        rows: what to show.
        runs: the names that the cells refer to.
        note: a line below.
    """
    lines = "\n".join(_hex_line(row, runs) for row in rows)
    legend = "".join(_legend_row(number, runs[number]) for number in _runs_shown(rows)[:_LEGEND_RUNS])
    left_off = len(_runs_shown(rows)) - _LEGEND_RUNS
    more = f"<tr><td></td><td>{left_off} more names</td></tr>" if left_off > 0 else ""
    names = f'<div class="legend"><table>{legend}{more}</table></div>' if legend else ""
    below = f'<div class="note">{esc(note)}</div>' if note else ""
    return f'<div class="bytes"><pre class="hex">{lines}</pre>{names}</div>{below}'


def _runs_shown(rows: Sequence[HexRow]) -> list[int]:
    return [run for run in dict.fromkeys(cell.run for row in rows for cell in row.cells) if run != UNNAMED]


def _hex_line(row: HexRow, runs: Sequence[NamedBytes]) -> str:
    numbers: list[str] = []
    chars: list[str] = []
    for (run, marked), grouped in groupby(row.cells, key=lambda cell: (cell.run, cell.marked)):
        cells = list(grouped)
        tint = "" if run == UNNAMED else f"t{run % RUN_TINTS}"
        title = "" if run == UNNAMED else f' title="{esc(runs[run].name)}"'
        opening = f'<b class="{tint}{" mark" if marked else ""}"{title}>'
        numbers.append(f"{opening}{' '.join(f'{cell.value:02x}' for cell in cells)}</b>")
        chars.append(f"{opening}{escape(''.join(cell.char for cell in cells))}</b>")
    fill = "   " * (16 - len(row.cells))
    return f'<span class="at">{row.offset:08x}</span>  {" ".join(numbers)}{fill}  {"".join(chars)}'


def _legend_row(number: int, run: NamedBytes) -> str:
    meaning = run.meaning if len(run.meaning) <= _MEANING_CHARS else f"{run.meaning[:_MEANING_CHARS]} …"
    return (
        f'<tr><td><span class="swatch t{number % RUN_TINTS}"></span></td><td class="mono">{esc(run.name)}</td>'
        f'<td class="mono">{esc(meaning)}</td><td class="mono muted">{esc(run.span)}</td></tr>'
    )
