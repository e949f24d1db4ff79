"""The figures that texts quote are those of the runs."""

from .course_figures import DOC, renewed


def test_the_figures_are_those_of_the_runs() -> None:
    text = DOC.read_text(encoding="utf-8")
    assert renewed(text) == text
