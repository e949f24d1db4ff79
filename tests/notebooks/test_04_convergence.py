"""The notebook about convergence: its claims hold, right answers are taken, and wrong ones get their sentence."""

from .course import Exercise, Sat, check

_BISECT = """
below, above = 60, 400
while above - below > 1:
    between = (below + above) // 2
    below, above = (between, above) if ends(between, downtime_limit_ms=60) else (below, between)
answer = below
"""

EXERCISES = (
    Exercise(
        name="at_60_ms",
        right=_BISECT,
        wrong=[
            ("cliff", "it ends, with"),
            ("400", "With 400 pages it does not end"),
            ("0", "0 is too small"),
            ("'120'", "is no whole number"),
        ],
    ),
    Exercise(
        name="price",
        right="next(limit for limit in range(100, 1000, 10) if ends(400, downtime_limit_ms=limit))",
        wrong=[
            ("205", "205 ms is no multiple of 10 ms"),
            ("1000", "with 990 ms it ends"),
            ("30", "With 30 ms it does not end"),
            ("0.2", "is no whole number"),
        ],
    ),
)


def test_answers_are_judged(sat: Sat) -> None:
    check(sat, EXERCISES)
