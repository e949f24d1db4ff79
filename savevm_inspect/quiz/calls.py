"""Questions about the calls of a run: which one comes next, and under which lock."""

from random import Random
from typing import Final

from ..engine.play.run import Run
from ..errors import NotFound
from ..rules.callbacks import CALLBACKS
from ..stream.events import Event, EventKind
from ..timeline.timeline import Timeline
from .question import Question

_CHOICES: Final = 4
_LOCK: Final = ("held", "not held")


def next_call(timeline: Timeline | Run, seed: int) -> Question:
    """Ask which callback of which device is called next.

    Args:
        timeline: of the run that it is about.
        seed: which question.

    Raises:
        NotFound: the run has no two different calls.
    """
    calls = [event for event in timeline.events if event.event is EventKind.CALL]
    named = list(dict.fromkeys(_named(event) for event in calls))
    if len(named) < 2:
        raise NotFound("the run has no two different calls to ask about")
    random = Random(seed)  # noqa: S311 - no secret hangs on it
    chosen = random.choice(calls[1:])
    before = max((event for event in calls if event.seq < chosen.seq), key=lambda event: event.seq)
    right = _named(chosen)
    others = [name for name in named if name != right]
    choices = [right, *random.sample(others, min(_CHOICES - 1, len(others)))]
    random.shuffle(choices)
    text = (
        f"event {before.seq}: {_named(before)} is called on the {before.side}, in {before.thread}. "
        f"Which callback is called next, on either side?"
    )
    return Question(
        text,
        choices=choices,
        judge=lambda given: given == right or (given == chosen.handler and _alone(chosen, choices)),
        reason=lambda: f"{right}, on the {chosen.side} in {chosen.thread}, phase {chosen.phase}: {_promise(chosen)}",
    )


def which_lock(timeline: Timeline | Run, seed: int) -> Question:
    """Ask whether a callback is called with the big QEMU lock held.

    Args:
        timeline: of the run that it is about.
        seed: which question.

    Raises:
        NotFound: the run has no call of which that is known.
    """
    calls = [event for event in timeline.events if event.event is EventKind.CALL and event.bql is not None]
    if not calls:
        raise NotFound("the run has no call of which the lock is known")
    chosen = Random(seed).choice(calls)  # noqa: S311 - no secret hangs on it
    right = _LOCK[0 if chosen.bql else 1]
    text = (
        f"event {chosen.seq}: {chosen.thread} calls {_named(chosen)} on the {chosen.side}, phase {chosen.phase}. "
        f"Does it hold the big QEMU lock?"
    )
    return Question(
        text,
        choices=_LOCK,
        judge=lambda given: given is chosen.bql or given == right,
        reason=lambda: f"{right}: {_rule(chosen)}",
    )


def _named(event: Event) -> str:
    return f"{event.handler} of {event.idstr}"


def _alone(event: Event, choices: list[str]) -> bool:
    return sum(choice.startswith(f"{event.handler} of ") for choice in choices) == 1


def _promise(event: Event) -> str:
    callback = CALLBACKS.get(str(event.handler))
    return callback.promise if callback is not None else "a callback of another version"


def _rule(event: Event) -> str:
    """What the table of callbacks says of the lock."""
    callback = CALLBACKS.get(str(event.handler))
    if callback is None:
        return "a callback of another version"
    here = [place for place in callback.places if (place.side, place.thread) == (event.side, event.thread)]
    places = dict.fromkeys(f"{place.phase} {'with' if place.bql else 'without'} it" for place in here)
    return f"{event.thread} calls {event.handler} in {', '.join(places)}"
