"""Questions about a run or a stream, by seed: each with an answer that is checked, and the reason for it.

The same seed asks the same; other seeds ask without end. A question does not show its answer. Notebooks have two
further kinds: an exercise, whose answer is tried, and a prediction, which is kept until the answer was found.
"""

from .calls import next_call, which_lock
from .damage import damage
from .exercise import Exercise, exercise
from .prediction import Prediction, predict
from .question import Question, Verdict
from .shape import choice, device_class, function, several, whole

__all__ = [
    "Exercise",
    "Prediction",
    "Question",
    "Verdict",
    "choice",
    "damage",
    "device_class",
    "exercise",
    "function",
    "next_call",
    "predict",
    "several",
    "which_lock",
    "whole",
]
