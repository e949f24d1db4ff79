"""A recorded migration, gone through step by step: the kernel's side of the player."""

from base64 import b64encode
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import anywidget
import traitlets

from ..engine.front import run
from ..engine.play.run import Run
from ..engine.play.scenario import Scenario
from ..engine.scenarios import SCENARIOS
from ..errors import printable
from ..views.event_bytes import event_bytes, inlined_bytes
from ..views.moment import Playback
from ..views.run_columns import packed, run_columns
from .front import PAGE_DATA, module
from .player_pages import forget, register
from .player_picture import player_picture


def replay(source: Run | Scenario | str | PathLike[str], at: int | None = None) -> "Player":
    """Go through a migration step by step.

    Args:
        source: a capture folder; QEMU's trace logs with or without streams: the path of one (``NAME.trace``,
            ``NAME.src.trace``), what the names of all files begin with (``NAME``), or a folder; a run of the engine;
            or a scenario or its name, which is run.
        at: index of the event to begin with.

    Returns:
        The player; as the last line of a notebook's cell it shows itself.

    Raises:
        SavevmError: it is none of these, or one without events.
        MissingPackage: what it draws with is not installed.
    """
    if isinstance(source, Scenario) or (
        isinstance(source, str) and source in SCENARIOS and not Path(source).exists()
    ):
        source = run(source)
    player = _of_run(source) if isinstance(source, Run) else Player(Playback(source))
    if at is not None:
        player.go_to(at)
    return player


def _of_run(run: Run) -> "Player":
    """A player of what a run sent, which it keeps in a temporary folder as long as it is open."""
    scratch = TemporaryDirectory(prefix="savevm-inspect-", ignore_cleanup_errors=True)
    return Player(Playback(run.save(Path(scratch.name) / run.scenario.name)), scratch=scratch)


class Player(anywidget.AnyWidget):
    """The player: the page gets the whole run once and steps by itself; it asks here for bytes alone.

    Args:
        playback: the capture, opened.
        scratch: the folder that the capture is in, if it is to go with the player.

    Attributes:
        position: index of the event that is shown; set here or by hand in the page, both follow.
        run_id: what pages name the run by.
        run: all that is drawn of the run, packed; each page gets it once.
    """

    _esm = module()
    view = traitlets.Unicode("player").tag(sync=True)
    position = traitlets.Int(0).tag(sync=True)

    def __init__(self, playback: Playback, *, scratch: TemporaryDirectory[str] | None = None) -> None:
        self.run_id = uuid4().hex
        self._scratch = scratch
        self.playback = playback
        self.last = len(playback.timeline) - 1
        notes = [each for each in (playback.outcome, playback.problem, playback.unseen) if each]
        heading = {
            "name": printable(playback.capture.name),
            "made_by": printable(playback.capture.made_by),
            "notes": [printable(each) for each in notes],
        }
        super().__init__()
        self.run = packed({**run_columns(playback.timeline), **heading})
        self.on_msg(self._on_message)
        register(self.run_id, self)

    def __repr__(self) -> str:
        return printable(f"<Player of {self.playback.capture.name}: event {self.position} of {self.last}>")

    @traitlets.validate("position")
    def _within(self, proposal: Mapping[str, Any]) -> int:
        return min(max(int(proposal["value"]), 0), self.last)

    def go_to(self, index: int) -> None:
        """Show an event; beyond the ends it is the first or the last one."""
        self.position = index

    def step(self) -> None:
        """Go on by one event."""
        self.go_to(self.position + 1)

    def back(self) -> None:
        """Go back by one event."""
        self.go_to(self.position - 1)

    def next_phase(self) -> None:
        """Go on to the first event of the next phase of either side; to the last event if there is none."""
        found = self.playback.timeline.next_phase(self.position)
        self.go_to(self.last if found is None else found)

    def previous_phase(self) -> None:
        """Go back to the last event before this one at which a phase began."""
        self.go_to(self.playback.timeline.previous_phase(self.position) or 0)

    def close(self) -> None:
        """Take the widget away and give back the capture's files."""
        forget(self.run_id)
        super().close()
        self.playback.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    def answer(self, question: object) -> dict[str, Any] | None:
        """The answer to a page that asks; the question may be anything.

        Args:
            question: ``{"ask": "bytes", "event": index}``; anything else gets no answer.

        Returns:
            The event's bytes, as :func:`~savevm_inspect.views.event_bytes.event_bytes` gives them, with what the
            question is known by (``key``).
        """
        if not isinstance(question, dict) or question.get("ask") != "bytes":
            return None
        event = question.get("event")
        if type(event) is not int or not 0 <= event <= self.last:
            return None
        return {"key": question.get("key"), **event_bytes(self.playback.moment(event))}

    def _on_message(self, _widget: object, content: object, _buffers: object) -> None:
        if isinstance(content, dict) and content.get("ask") == "run":
            self.send({"key": content.get("key")}, buffers=[self.run])
        elif (answer := self.answer(content)) is not None:
            self.send(answer)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data is not None:
            data[PAGE_DATA] = self.page_data()
            data["image/png"] = b64encode(player_picture(self.playback, self.position)).decode()
        return bundle

    def page_data(self) -> dict[str, Any]:
        """What a page without a kernel draws: the run and the bytes of its events, compressed, and the position."""
        return {
            "id": self.run_id,
            "position": self.position,
            "run": b64encode(self.run).decode(),
            "bytes": b64encode(packed(inlined_bytes(self.playback))).decode(),
        }
