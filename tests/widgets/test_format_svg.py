"""Pictures of formats: every type that is reached has a box, every field a row, every use an arrow."""

import re
from itertools import product
from typing import Any
from xml.etree import ElementTree

import pytest

from savevm_inspect.widgets.format_svg import format_svg

KSY: dict[str, Any] = {
    "meta": {"id": "root"},
    "seq": [
        {"id": "magic", "contents": "QEVM"},
        {"id": "mark", "contents": [7, 0x7E]},
        {"id": "items", "type": "item", "repeat": "eos"},
        {"id": "choice", "type": {"switch-on": "mark", "cases": {1: "item", 2: "other"}}, "if": "mark > 0"},
        {"id": "rest", "size": "len_rest"},
    ],
    "types": {
        "item": {"seq": [{"id": "number", "type": "u4"}, {"id": "again", "type": "item"}]},
        "other": {"seq": [{"id": "text<&>", "type": "str"}]},
        "unused": {"seq": [{"id": "nothing", "type": "u1"}]},
    },
}


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]


def test_every_type_that_is_reached_is_drawn_with_its_fields() -> None:
    assert texts(format_svg(KSY)) == [
        "root", "magic'QEVM'", "mark07 7e", "itemsitem[]", "choiceitem | other?", "restlen_rest bytes",
        "item", "numberu4", "againitem", "other", "text<&>str",
    ]  # fmt: skip


def test_an_arrow_leads_to_each_type_on_the_right() -> None:
    arrows = re.findall(r'<path d="M\d+ \d+ C[^"]*"', format_svg(KSY))
    assert len(arrows) == 3


@pytest.mark.parametrize(("outer", "inner"), list(product(range(1, 20), range(1, 20, 2))))
def test_frames_lie_within_the_picture(outer: int, inner: int) -> None:
    item = {"seq": [{"id": "x" * inner, "size": 1}]}
    svg = format_svg(KSY | {"seq": [{"id": "x" * outer, "type": "item"}], "types": {"item": item}})
    left, top, across, down = map(float, re.findall(r'viewBox="([^"]*)"', svg)[0].split())
    for each in re.findall(r'<rect[^>]*fill="#fff"/>', svg):
        x, y, width, height = (float(value) for value in re.findall(r' (?:x|y|width|height)="([\d.]+)"', each))
        assert min(x - left, y - top, left + across - x - width, top + down - y - height) >= 0.5


def test_boxes_do_not_overlap() -> None:
    frames = [
        tuple(float(value) for value in re.findall(r' (?:x|y|width|height)="([\d.]+)"', each))
        for each in re.findall(r'<rect[^>]*fill="#fff"/>', format_svg(KSY))
    ]
    for number, (x, y, width, height) in enumerate(frames):
        for other_x, other_y, other_width, other_height in frames[number + 1 :]:
            beside = other_x >= x + width or x >= other_x + other_width
            assert beside or other_y >= y + height or y >= other_y + other_height
