"""The notebook about postcopy: its claims hold, right answers are taken, and wrong ones get their sentence."""

from .course import Exercise, Sat, check

_LOST = """
_cut = run.branch(at=active, do="the network fails", after_us=30_000)
_last = _cut.at(len(_cut.events))
answer = 1024 - count(_last.destination.received) - count(_last.source.dirty)
"""

EXERCISES = (
    Exercise(
        name="lost_at_30",
        right=_LOST,
        wrong=[
            ("0", "With 0 lost there would be"),
            ("1024", "there are 1024"),
            ("2000", "is too large"),
            ("'none'", "is no whole number"),
        ],
    ),
    Exercise(
        name="switch",
        right="250",
        wrong=[
            ("20", "pages there and took"),
            ("1000", "pages there and took"),
            ("0", "is too small"),
            ("0.25", "is no whole number"),
        ],
    ),
)


def test_answers_are_judged(sat: Sat) -> None:
    check(sat, EXERCISES)
