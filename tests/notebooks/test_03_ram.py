"""The notebook about RAM: its claims hold, right answers are taken, and wrong ones get their sentence."""

from .course import Exercise, Sat, check

_SMALLEST = """
answer = next(1 << n for n in range(4, 14) if cached(1 << n).outcome == "completed")
"""

EXERCISES = (
    Exercise(
        name="size",
        right="9 * idle.source.stats.zero_pages + 4104 * idle.source.stats.normal_pages + 7",
        wrong=[
            ("4096 * 1024", "4096.0 for each of 1024 pages"),
            ("4104 * idle.source.stats.normal_pages", "for each of 1024 pages"),
            ("9 * 1024", "9.0 for each"),
        ],
    ),
    Exercise(
        name="smallest",
        right=_SMALLEST,
        wrong=[
            ("100", "100 is no power of two"),
            ("16384", "With 16384 KiB it is completed, with 8192 KiB completed"),
            ("64", "With 64 KiB it is not-converged"),
            ("8", "is too small"),
        ],
    ),
)


def test_answers_are_judged(sat: Sat) -> None:
    check(sat, EXERCISES)
