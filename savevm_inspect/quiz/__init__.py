"""Questions about a run or a stream, by seed: each with an answer that is checked, and the reason for it.

The same seed asks the same; other seeds ask without end. A question does not show its answer.
"""

from .calls import next_call, which_lock
from .damage import damage
from .question import Question, Verdict

__all__ = ["Question", "Verdict", "damage", "next_call", "which_lock"]
