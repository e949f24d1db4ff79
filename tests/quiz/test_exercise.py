"""Exercises and predictions: an answer of any shape gets a sentence, and only a right one is right."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
)


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def half(number: int) -> tuple[bool, str]:
    return number == 21, f"twice {number} is {2 * number}, and 42 was to be found"


HALF = si.quiz.exercise("Half of 42?", si.quiz.whole(1, 100), half)
SHAPES = {
    "whole": si.quiz.whole(1, 100),
    "choice": si.quiz.choice("ram", 7),
    "several": si.quiz.several(si.quiz.whole(1, 100), 1, 3),
    "function": si.quiz.function("a page"),
    "device_class": si.quiz.device_class("lamp"),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@given(answer=ANYTHING)
def test_an_answer_is_taken_or_gets_a_sentence(shape: Any, answer: Any) -> None:
    tried = []
    exercise = si.quiz.exercise("?", shape, lambda given: (bool(tried.append(given)), "it was tried"))
    verdict = exercise.answer(answer)
    assert not verdict
    assert bool(tried) == (verdict.reason == "it was tried")
    assert tried or shape.asked in verdict.reason
    assert "\n" not in repr(verdict)


@given(st.integers())
def test_a_number_is_right_wrong_or_out_of_reach(number: int) -> None:
    verdict = HALF.answer(number)
    assert bool(verdict) == (number == 21)
    assert ("was to be found" in verdict.reason) == (1 <= number <= 100)


@pytest.mark.parametrize(
    ("shape", "answer", "said"),
    [
        ("whole", None, "no answer yet"),
        ("whole", True, "no whole number"),
        ("whole", 10**6, "too large"),
        ("whole", 0, "too small"),
        ("whole", Unprintable(), "<Unprintable> is no whole number"),
        ("whole", "x" * 1000, "…"),
        ("choice", True, "none of these"),
        ("choice", 7.0, "none of these"),
        ("several", 5, "is no list"),
        ("several", "abc", "is no list"),
        ("several", [], "has 0 of them"),
        ("several", [1, "b"], "'b' at [1], which is no whole number"),
        ("function", 5, "is no function"),
        ("function", lambda: 0, "does not take 1 arguments"),
        ("device_class", object(), "is no class"),
        ("device_class", object, "is not decorated"),
    ],
)
def test_a_wrong_shape_is_named(shape: str, answer: Any, said: str) -> None:
    assert said in SHAPES[shape].objection(answer)


def test_right_shapes_are_taken() -> None:
    lamp = si.device("lamp", fields={})(type("Lamp", (), {}))
    for shape, answer in (
        ("whole", np.int64(5)),
        ("choice", 7),
        ("several", (1, 2)),
        ("function", len),
        ("device_class", lamp),
    ):
        assert SHAPES[shape].objection(answer) == ""


def test_what_an_answer_raises_is_said() -> None:
    called = si.quiz.exercise("?", si.quiz.function(), lambda given: given())
    assert "Your code raised ZeroDivisionError" in called.answer(lambda: 1 / 0).reason
    assert (
        "there are" in called.answer(lambda: si.run("x")).reason or "x" in called.answer(lambda: si.run("x")).reason
    )
    assert called.answer(lambda: (1, "well"))


def test_what_an_exercise_shows() -> None:
    assert repr(HALF) == "<Exercise: Half of 42? Asked for is a whole number from 1 to 100.>"
    assert repr(HALF.answer(21)).startswith("Right: ")
    assert repr(HALF.answer(20)).startswith("Not yet: ")


def test_a_guess_is_kept_until_the_answer_is_known() -> None:
    prediction = si.quiz.predict("More <or> less?", "more", "less")
    assert "No guess yet" in prediction._repr_html_()
    assert prediction.choose("more") is prediction
    assert "You say <b>more</b>" in prediction._repr_html_()
    found = prediction.reveal("less", "for a <reason>")
    assert not found.verdict
    assert prediction.reveal("more", "").verdict
    shown = found._repr_html_()
    assert shown.startswith("<details>")
    assert shown.index("You said: more.") < shown.index("</summary>") < shown.index("for a &lt;reason&gt;")
    assert "<or>" not in shown
    assert "less: for a <reason>" in repr(found)


@pytest.mark.parametrize("guess", ["perhaps", 1, [], Unprintable()])
def test_what_is_no_choice_is_no_guess(guess: Any) -> None:
    prediction = si.quiz.predict("More or less?", "more", "less").choose(guess)
    assert prediction.chosen == ""
    assert "is none of the choices" in repr(prediction)
    assert "is none of the choices" in prediction._repr_html_()
    assert "You made no guess." in repr(prediction.reveal("more", ""))
    assert "is none of" not in repr(prediction.choose(None))


def test_an_answer_that_was_no_choice_is_the_notebooks_mistake() -> None:
    with pytest.raises(ValueError, match="'equal' is none of more, less"):
        si.quiz.predict("?", "more", "less").reveal("equal", "")
