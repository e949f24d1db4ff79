"""Turns of an idle loop are counted, and what is counted is what was there."""

from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.trace.idle import IdleLines, Repeated
from savevm_inspect.trace.lines import TraceLine, parse_line

LINES = st.lists(st.sampled_from(["one_x", "two_x", "three_x", "busy_x"]), max_size=60)


def fold(texts: list[str]) -> list[TraceLine | Repeated]:
    idle = IdleLines()
    emitted: list[TraceLine | Repeated] = []
    for text in texts:
        emitted += idle.pass_on(parse_line(text), idle=text != "busy_x")
    return [*emitted, *idle.end()]


@given(texts=LINES)
def test_repeating_what_is_counted_gives_back_every_line(texts: list[str]) -> None:
    again: list[str] = []
    for each in fold(texts):
        if isinstance(each, Repeated):
            assert again[-len(each.turn) :] == [line.text for line in each.turn]
            again += [line.text for line in each.turn] * each.times
        else:
            again.append(each.text)
    assert again == texts


def test_a_long_loop_is_a_few_events() -> None:
    emitted = fold(["busy_x", *["one_x", "two_x"] * 10_000, "busy_x"])
    assert [each.times if isinstance(each, Repeated) else each.text for each in emitted] == [
        "busy_x",
        "one_x",
        "two_x",
        9_999,
        "busy_x",
    ]
    assert [each.times for each in fold(["one_x"] * 100) if isinstance(each, Repeated)] == [99]
