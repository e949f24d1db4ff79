"""A Kaitai format as a picture: a box a type, a row a field, an arrow to the type that a field has."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from ..markup import esc

_CHAR: Final = 7.3
"""Width of a character of the monospaced font at the size used, and a little more."""
_ROW: Final = 20
_PAD: Final = 10
_ACROSS: Final = 70
_BETWEEN: Final = 18

Row = tuple[str, str, tuple[str, ...]]
"""A field: its name, what it is, and the types that it leads to."""


@dataclass(slots=True)
class _Box:
    """One type, with its place in the picture."""

    name: str
    rows: list[Row]
    x: float = 0
    y: float = 0

    @property
    def width(self) -> float:
        texts = [self.name, *(f"{name}  {kind}" for name, kind, _ in self.rows)]
        return max(map(len, texts)) * _CHAR + 2 * _PAD

    @property
    def height(self) -> float:
        return _ROW * (len(self.rows) + 1)


def format_svg(ksy: Mapping[str, Any]) -> str:
    """Draw a format.

    Args:
        ksy: a ``.ksy`` document, as YAML reads it. Types that it does not define itself get no box.

    Returns:
        An SVG element.
    """
    types = ksy.get("types", {})
    boxes = {"": _Box(ksy["meta"]["id"], list(_rows(ksy, types)))}
    boxes |= {name: _Box(name, list(_rows(each, types))) for name, each in types.items()}
    columns = _place(boxes)
    shown = list(chain.from_iterable(columns))
    width = max(box.x + box.width for box in shown) + 2  # places are rounded, and lines have a width
    height = max(box.y + box.height for box in shown) + 2
    drawn = "".join(chain(map(_box_svg, shown), _arrows(boxes, shown)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 {width + 1:.0f} {height + 1:.0f}" '
        f'style="width:{width:.0f}px;max-width:100%;font:12px ui-monospace,Menlo,Consolas,monospace">{drawn}</svg>'
    )


def _rows(definition: Mapping[str, Any], types: Mapping[str, Any]) -> Iterator[Row]:
    for field in definition.get("seq", ()):
        said = field.get("type")
        kinds = list(dict.fromkeys(said["cases"].values())) if isinstance(said, Mapping) else [said]
        known = tuple(kind for kind in kinds if kind in types)
        yield field["id"], _kind(field, kinds), known


def _kind(field: Mapping[str, Any], kinds: Sequence[str | None]) -> str:
    """What a field is, in a few words."""
    if "contents" in field:
        contents = field["contents"]
        text = repr(contents) if isinstance(contents, str) else " ".join(f"{each:02x}" for each in contents)
    elif kinds == [None]:
        text = f"{field.get('size', '?')} bytes"
    else:
        text = " | ".join(str(kind) for kind in kinds)
    return f"{text}{'[]' if 'repeat' in field else ''}{'?' if 'if' in field else ''}"


def _place(boxes: dict[str, _Box]) -> list[list[_Box]]:
    """Put each type that the root leads to a column to the right of the first that leads to it."""
    columns: list[list[_Box]] = []
    placed: set[str] = set()
    names = [""]
    x: float = 0
    while names:
        column = [boxes[name] for name in names]
        placed.update(names)
        y: float = 0
        for box in column:
            box.x, box.y = x, y
            y += box.height + _BETWEEN
        x += max(box.width for box in column) + _ACROSS
        columns.append(column)
        targets = chain.from_iterable(targets for box in column for _, _, targets in box.rows)
        names = [name for name in dict.fromkeys(targets) if name not in placed]
    return columns


def _box_svg(box: _Box) -> str:
    frame = f'<rect x="{box.x:.0f}" y="{box.y}" width="{box.width:.0f}" rx="4" stroke="#94a3b8"'
    lines = [
        f'{frame} height="{box.height}" fill="#fff"/>',
        f'{frame} height="{_ROW}" fill="#e8f0f8"/>',
        f'<text x="{box.x + _PAD:.0f}" y="{box.y + 14}" font-weight="bold" fill="#1f2937">{esc(box.name)}</text>',
    ]
    for number, (name, kind, _) in enumerate(box.rows, 1):
        y = box.y + number * _ROW + 14
        lines.append(
            f'<text x="{box.x + _PAD:.0f}" y="{y}" fill="#1f2937">{esc(name)}'
            f'<tspan dx="{_CHAR}" fill="#1f5f99">{esc(kind)}</tspan></text>'
        )
    return "".join(lines)


def _arrows(boxes: dict[str, _Box], shown: Sequence[_Box]) -> Iterator[str]:
    for box in shown:
        for number, (_, _, targets) in enumerate(box.rows, 1):
            for target in targets:
                x, y = box.x + box.width, box.y + number * _ROW + _ROW / 2
                to = boxes[target]
                if to.x <= box.x:
                    continue  # back to a type on the left: its name says it
                end_x, end_y = to.x, to.y + _ROW / 2
                bend = _ACROSS / 2
                yield (
                    f'<path d="M{x:.0f} {y:.0f} C{x + bend:.0f} {y:.0f} {end_x - bend:.0f} {end_y:.0f} '
                    f'{end_x:.0f} {end_y:.0f}" fill="none" stroke="#64748b"/>'
                    f'<path d="M{end_x:.0f} {end_y:.0f} l-7 -4 v8 z" fill="#64748b"/>'
                )
