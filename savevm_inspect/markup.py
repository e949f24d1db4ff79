"""How things of this package show themselves in a notebook: HTML as plain text, nothing of Jupyter."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import islice
from typing import Final

from .errors import printable

_ROWS_SHOWN: Final = 60
_ALIGN: Final = {True: ' style="text-align:right"', False: ' style="text-align:left"'}


def esc(text: object) -> str:
    """Text as it may stand in an element or in a quoted attribute, on one line."""
    return escape(printable(str(text)), quote=True)


def html_table(
    heading: object, columns: Sequence[str], rows: Iterable[Sequence[object]], *, most: int = _ROWS_SHOWN
) -> str:
    """A heading and a table; columns of numbers are set to the right.

    Args:
        heading: the line above; whatever it and the rows hold is shown as text.
        columns: the headings of the columns.
        rows: one value a column.
        most: how many rows are shown; of more, it says that there are.
    """
    taken = iter(rows)
    shown = list(islice(taken, most))
    numbers = [all(type(row[place]) is int for row in shown) and bool(shown) for place in range(len(columns))]
    cells = [_ALIGN[each] for each in numbers]
    head = "".join(f"<th{align}>{esc(column)}</th>" for column, align in zip(columns, cells, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{align}>{esc(value)}</td>' for value, align in zip(row, cells, strict=True))}</tr>"
        for row in shown
    )
    more = "<div>and more</div>" if next(taken, None) is not None else ""
    return f"<div>{esc(heading)}</div><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
