"""The notebook about VMState: its claims hold, right answers are taken, and wrong ones get their sentence."""

from .course import Exercise, Sat, check

_BLINKING = """
@si.device("lamp", {options}fields={{"colour": "uint8", "brightness": "uint8"{field}}}{subsections})
class answer:
    def __init__(self):
        self.colour, self.brightness, self.warmth, self.blinks = 0, 0, 40, 0
    def blinks_needed(self):
        return {needed}
"""
_SUBSECTION = ', subsections={"blinks": {"blinks": "uint8"}}'


def blinking(
    options: str = "", field: str = "", subsections: str = _SUBSECTION, needed: str = "self.blinks != 0"
) -> str:
    """An answer to the first exercise."""
    return _BLINKING.format(options=options, field=field, subsections=subsections, needed=needed)


EXERCISES = (
    Exercise(
        name="blinking",
        right=blinking(),
        wrong=[
            (blinking(field=', "blinks": "uint8"', subsections=""), "An old QEMU refuses your lamp"),
            (
                blinking("version_id=2, minimum_version_id=1, ", ', "blinks": ("uint8", 2)', ""),
                "An old QEMU refuses your lamp",
            ),
            (blinking(needed="True"), "An old QEMU refuses your lamp"),
            (blinking(needed="False"), "3, 200, 5 were sent"),
            ("Old", "Your code raised"),
        ],
    ),
    Exercise(
        name="danger",
        right='["brightness", "warmth", "colour"]',
        wrong=[
            ('["colour", "brightness", "warmth"]', "colour, brightness, warmth arrived as sent"),
            ('["brightness", "colour"]', "That is noticed"),
            ('["brightness", "colour", "warmth"]', "warmth arrived as sent"),
            ('["brightness", "heat", "colour"]', "'heat'"),
        ],
    ),
)


def test_answers_are_judged(sat: Sat) -> None:
    check(sat, EXERCISES)
