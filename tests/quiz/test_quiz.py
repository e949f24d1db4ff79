"""Questions by seed: the right answer is accepted and no other, its reason is true, and nothing shows it before."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.errors import NotFound
from savevm_inspect.rules.callbacks import CALLBACKS
from savevm_inspect.stream.events import EventKind

RUN = si.run("vfio", ram_bytes=64 << 12)
SENT = bytes(si.run("none").stream.buffer)
SEEDS = st.integers(0, 2**32)


def right_of(question: Any) -> list[str]:
    return [choice for choice in question.choices if question.answer(choice)]


def asked(question: Any) -> int:
    """The number of the event that a question names."""
    return int(question.text.split(":")[0].removeprefix("event "))


@given(SEEDS)
def test_the_next_call_is_the_one_that_follows(seed: int) -> None:
    question = si.quiz.next_call(RUN.timeline, seed)
    following = next(e for e in RUN.events[asked(question) + 1 :] if e.event is EventKind.CALL)
    assert right_of(question) == [f"{following.handler} of {following.idstr}"]
    assert len(set(question.choices)) == len(question.choices) == 4
    verdict = question.answer("nothing of that kind")
    assert not verdict
    assert right_of(question)[0] in verdict.reason
    assert CALLBACKS[str(following.handler)].promise in verdict.reason


@given(SEEDS)
def test_the_lock_is_the_one_that_the_event_states(seed: int) -> None:
    question = si.quiz.which_lock(RUN, seed)
    event = RUN.events[asked(question)]
    assert question.answer(event.bql)
    assert not question.answer(not event.bql)
    assert right_of(question) == ["held" if event.bql else "not held"]
    word = "with it" if event.bql else "without it"
    assert f"{event.phase} {word}" in question.answer("held").reason


@settings(max_examples=60)
@given(SEEDS)
def test_the_broken_byte_is_the_one_that_differs(seed: int) -> None:
    with si.open_stream(SENT) as stream:
        question = si.quiz.damage(stream, seed)
        differ = [offset for offset in range(len(SENT)) if question.data[offset] != SENT[offset]]
        assert len(differ) == 1
        section = next(each for each in stream.sections if each.span.offset <= differ[0] < each.span.end)
        assert section.idstr != "ram"
        assert question.answer(differ[0])
        assert question.answer(section.idstr)
        assert question.answer((section.idstr, section.instance_id))
        for field in stream[section.idstr].fields:
            assert bool(question.answer(field.path)) == (field.span.offset <= differ[0] < field.span.end)
        for wrong in (differ[0] + 1, "ram", "nothing", None, 1.5):
            assert not question.answer(wrong)
        assert f"{differ[0]:#x}" in question.answer(None).reason


@pytest.mark.parametrize("ask", ["next_call", "which_lock"])
def test_the_same_seed_asks_the_same_and_others_ask_others(ask: str) -> None:
    make = getattr(si.quiz, ask)
    assert repr(make(RUN, 7)) == repr(make(RUN, 7))
    assert len({repr(make(RUN, seed)) for seed in range(10)}) > 5


def test_no_answer_is_seen_before() -> None:
    with si.open_stream(SENT) as stream:
        damaged = si.quiz.damage(stream, 3)
    lock = si.quiz.which_lock(RUN, 3)
    call = si.quiz.next_call(RUN, 3)
    offset = next(index for index in range(len(SENT)) if damaged.data[index] != SENT[index])
    for question, answer in (
        (damaged, f"{offset:#x}"),
        (lock, lock.answer("").reason),
        (call, call.answer("").reason),
    ):
        assert answer not in repr(question) + str(question) + repr(vars(question))
        assert repr(question).startswith("<Question: ")
    assert repr(call).count(right_of(call)[0]) == 1  # as one of the choices
    assert "held; not held" in repr(lock)


def test_a_run_without_calls_has_no_questions() -> None:
    for ask in (si.quiz.next_call, si.quiz.which_lock):
        with pytest.raises(NotFound):
            ask(si.Timeline(()), 1)


@pytest.mark.parametrize("answer", [[], ("cpu", []), {"cpu": 0}, np.arange(3), ("cpu", np.arange(3)), None])
def test_an_answer_of_another_shape_is_wrong(answer: Any) -> None:
    with si.open_stream(SENT) as stream:
        damaged = si.quiz.damage(stream, 3)
    for question in (damaged, si.quiz.next_call(RUN, 3), si.quiz.which_lock(RUN, 3)):
        verdict = question.answer(answer)
        assert not verdict
        assert verdict.reason
