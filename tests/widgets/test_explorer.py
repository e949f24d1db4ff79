"""The explorer without a browser: what the page may ask, what it gets, and the selection that both share."""

import json
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import traitlets

import savevm_inspect as si
from savevm_inspect.errors import NotFound
from savevm_inspect.widgets.explorer import Explorer

Unpack = Callable[[str], Path]


@pytest.fixture
def explorer(capture_path: Unpack) -> Iterator[Explorer]:
    with si.open_stream(capture_path("x86-10.0-live")) as stream:
        yield si.explore(stream)


def asked(explorer: Explorer, ask: str, **more: Any) -> dict[str, Any]:
    answer = explorer.answer({"ask": ask, **more})
    assert answer is not None
    json.dumps(answer[0])
    return answer[0]


def test_the_page_hears_what_the_stream_is(explorer: Explorer) -> None:
    said = asked(explorer, "open")
    assert said["records"] == len(explorer.stream.records)
    assert said["channels"] == [[0, len(explorer.stream.buffer)]]
    assert "pc-i440fx-10.0" in said["about"]


def test_rows_come_some_at_a_time(explorer: Explorer) -> None:
    all_rows = asked(explorer, "rows", first=0, count=500)["rows"]
    assert len(all_rows) == len(explorer.stream.records)
    assert asked(explorer, "rows", first=5, count=2)["rows"] == all_rows[5:7]
    assert asked(explorer, "rows", first=10**9, count=2)["rows"] == []


def test_a_window_has_the_bytes_and_their_names(explorer: Explorer) -> None:
    answer = explorer.answer({"ask": "window", "channel": 0, "offset": 0, "length": 64})
    assert answer is not None
    message, (data,) = answer
    assert data == bytes(explorer.stream.buffer[:64])
    assert message["names"][0] == [0, 4, "header/magic", "'QEVM'"]
    most = explorer.answer({"ask": "window", "channel": 0, "offset": 0, "length": 1 << 40})
    assert most is not None
    assert len(most[1][0]) <= 1 << 14


@pytest.mark.parametrize(
    "question",
    [
        None,
        [],
        {},
        {"ask": []},
        {"ask": "close"},
        {"ask": "rows"},
        {"ask": "rows", "first": -1, "count": 1},
        {"ask": "rows", "first": "0", "count": 1},
        {"ask": "parts", "record": True, "first": 0, "count": 1},
        {"ask": "window", "channel": 99, "offset": 0, "length": 1},
        {"ask": "find", "what": "bytes", "wanted": "no bytes"},
        {"ask": "find"},
    ],
)
def test_a_question_that_is_none_gets_no_answer(explorer: Explorer, question: object) -> None:
    assert explorer.answer(question) is None


def test_a_search_comes_in_parts_until_its_end(explorer: Explorer) -> None:
    going: object = None
    found = []
    while True:
        answer = asked(explorer, "find", what="text", wanted="serial", **{"from": going})
        found += answer["rows"]
        going = json.loads(json.dumps(answer["next"]))
        if going is None:
            break
    section = explorer.stream["serial"].sections[0]
    assert any(section.span.offset <= row[4] < section.span.end for row in found)


@pytest.mark.parametrize("path", ["state/divider", "state/lcr", "state/fcr_vmstate"])
def test_a_field_is_selected_by_its_name(explorer: Explorer, path: str) -> None:
    explorer.select("serial", path)
    span = explorer.stream["serial"].field(path).span
    assert explorer.span == span
    where = asked(explorer, "at", channel=0, offset=span.offset)
    (row,) = asked(explorer, "parts", record=where["record"], first=where["part"], count=1)["rows"]
    assert row[1] == path.rsplit("/", 1)[-1]


def test_what_is_not_there_is_named(explorer: Explorer) -> None:
    with pytest.raises(NotFound):
        explorer.select("no such device")
    with pytest.raises(NotFound):
        explorer.select("serial", "no such field")


@pytest.mark.parametrize("value", [{}, {"channel": 0}, {"channel": 0, "offset": "0", "length": 1}])
def test_a_page_can_not_select_what_is_no_span(explorer: Explorer, value: dict[str, Any]) -> None:
    with pytest.raises(traitlets.TraitError):
        explorer.selected = value


def test_the_still_picture_lists_devices_and_fields(explorer: Explorer) -> None:
    explorer.select("serial", "state/lcr")
    still = explorer._repr_mimebundle_()[0]["text/html"]
    assert all(unescape(device.idstr) in unescape(still) for device in explorer.stream.devices)
    assert "fcr_vmstate" in still
    assert "http" not in still
    assert "<script" not in still


def test_hostile_names_stay_text() -> None:
    evil = "<script>alert(1)</script>"
    raw = bytearray(b"QEVM\0\0\0\3")
    raw += b"\4\0\0\0\1" + bytes([len(evil)]) + evil.encode() + bytes(8)
    raw += b"abc" + b"\x7e\0\0\0\1" + b"\0"
    with si.open_stream(raw, strict=False) as stream:
        explorer = si.explore(stream)
        explorer.select(evil)
        assert evil in [row[1] for row in asked(explorer, "rows", first=0, count=9)["rows"]], "text is data here"
        assert "<script" not in explorer._repr_mimebundle_()[0]["text/html"]


def test_a_stream_of_nothing_can_be_looked_at() -> None:
    with si.open_stream(b"QEVM\0\0\0\3\0") as stream:
        explorer = si.explore(stream)
        assert asked(explorer, "open")["records"] == 2
        assert "0 sections" in explorer._repr_mimebundle_()[0]["text/html"]
