"""A recorded migration, gone through step by step."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ipywidgets
import plotly.graph_objects as go

from ..engine.front import run
from ..engine.play.run import Run
from ..engine.play.scenario import Scenario
from ..engine.scenarios import SCENARIOS
from ..errors import printable
from ..markup import esc
from ..rules.threads import Side
from ..views.moment import Moment, Playback
from .figures_run import position_line, run_figure
from .fit import Fit
from .html import chip, facts, hex_pane, page, pane, panel
from .still import StillBox, html_widget
from .style import STYLE
from .svg import run_svg

_STEP_MS = 350


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


class Player(StillBox):
    """The player: phases and pending bytes, the present event, both sides' states, and the bytes.

    Every pane is drawn from the position alone, so that going back shows what was shown before.

    Args:
        playback: the capture, opened.
        scratch: the folder that the capture is in, if it is to go with the player.
    """

    def __init__(self, playback: Playback, *, scratch: TemporaryDirectory[str] | None = None) -> None:
        self._scratch = scratch
        self.playback = playback
        last = len(playback.timeline) - 1
        self.slider = ipywidgets.IntSlider(
            min=0, max=last, readout=False, continuous_update=True, layout={"flex": "1 1 240px", "width": "auto"}
        )
        self.play = ipywidgets.Play(min=0, max=last, interval=_STEP_MS, show_repeat=False, tooltip="Play")
        self.buttons = {
            name: self._button(name, icon, tooltip, action)
            for name, icon, tooltip, action in (
                ("Phase", "step-backward", "Go back to where the last phase began", self.previous_phase),
                ("Back", "chevron-left", "Go back by one event", self.back),
                ("Step", "chevron-right", "Go on by one event", self.step),
                ("Next phase", "step-forward", "Go on to where the next phase begins", self.next_phase),
            )
        }
        self.place = html_widget()
        self.figure = go.FigureWidget(run_figure(playback.timeline, 0))
        self.figure._config = {"responsive": True, "displaylogo": False}  # plotly has no public name for it
        self.card, self.states, self.neighbours, self.bytes = (
            html_widget(),
            html_widget(),
            html_widget(),
            html_widget(),
        )
        ipywidgets.jslink((self.play, "value"), (self.slider, "value"))
        self.slider.observe(self._on_slider, names="value")
        controls = ipywidgets.HBox(
            [*self.buttons.values(), self.play, self.slider, self.place],
            layout={"flex_flow": "row wrap", "align_items": "center", "width": "100%"},
        )
        panes = ipywidgets.HBox(
            [_sized(self.card, "1 1 300px"), _sized(self.states, "2 1 420px"), _sized(self.neighbours, "1 1 230px")],
            layout={"flex_flow": "row wrap", "align_items": "stretch", "width": "100%"},
        )
        super().__init__(
            [html_widget(STYLE + pane(self._heading())), controls, Fit(), self.figure, panes, self.bytes],
            layout={"width": "100%", "max_width": "1280px"},
        )
        self._draw()

    def __repr__(self) -> str:
        return printable(f"<Player of {self.playback.capture.name}: event {self.position} of {self.slider.max}>")

    @property
    def position(self) -> int:
        """Index of the event that is shown."""
        return int(self.slider.value)

    def go_to(self, index: int) -> None:
        """Show an event; beyond the ends it is the first or the last one."""
        self.slider.value = min(max(index, 0), self.slider.max)

    def step(self) -> None:
        """Go on by one event."""
        self.go_to(self.position + 1)

    def back(self) -> None:
        """Go back by one event."""
        self.go_to(self.position - 1)

    def next_phase(self) -> None:
        """Go on to the first event of the next phase of either side; to the last event if there is none."""
        found = self.playback.timeline.next_phase(self.position)
        self.go_to(self.slider.max if found is None else found)

    def previous_phase(self) -> None:
        """Go back to the last event before this one at which a phase began."""
        self.go_to(self.playback.timeline.previous_phase(self.position) or 0)

    def close(self) -> None:
        """Take the widgets away and give back the capture's files."""
        super().close()
        self.playback.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    def _button(self, name: str, icon: str, tooltip: str, action: Callable[[], None]) -> ipywidgets.Button:
        button = ipywidgets.Button(description=name, icon=icon, tooltip=tooltip, layout={"width": "auto"})
        button.on_click(lambda _button: action())
        return button

    def _on_slider(self, _change: dict[str, Any]) -> None:
        self._draw()

    def _draw(self) -> None:
        moment = self.playback.moment(self.position)
        line = position_line(self.position)
        with self.figure.batch_update():
            self.figure.layout.shapes[0].update(x0=line["x0"], x1=line["x1"])
        self.place.value = pane(self._place_text())
        self.card.value = pane(_card(moment))
        self.states.value = pane(_states(moment))
        self.neighbours.value = pane(_neighbours(moment))
        self.bytes.value = pane(_bytes(moment))

    def _heading(self) -> str:
        playback = self.playback
        notes = "".join(
            f'<div class="note">{esc(each)}</div>'
            for each in (playback.outcome, playback.problem, playback.unseen)
            if each
        )
        return (
            f"<h3>{esc(playback.capture.name)}</h3><div class='muted'>recorded by {esc(playback.capture.made_by)}; "
            f"{len(playback.timeline)} events</div>{notes}"
        )

    def _place_text(self) -> str:
        return f'<span class="muted">event</span> <b>{self.position}</b> of {self.slider.max}'

    def still(self) -> str:
        """See :class:`StillBox`."""
        moment = self.playback.moment(self.position)
        panes = "".join(f"<div>{each}</div>" for each in (_card(moment), _states(moment), _neighbours(moment)))
        return page(
            self._heading(),
            f"<div>{self._place_text()}</div>",
            run_svg(self.playback.timeline, self.position),
            f'<div class="columns">{panes}</div>',
            _bytes(moment),
            '<div class="note">A still picture of the player; run the notebook to go through the migration.</div>',
        )


def _sized(pane_widget: ipywidgets.HTML, flex: str) -> ipywidgets.HTML:
    pane_widget.add_class("svi-pane")  # lets it shrink below the width of its longest line
    pane_widget.layout.flex, pane_widget.layout.min_width, pane_widget.layout.width = flex, "0", "auto"
    return pane_widget


def _card(moment: Moment) -> str:
    card = moment.card
    promise = f'<div class="promise">{esc(card.promise)}</div>' if card.promise else ""
    subject = f'<div class="mono">{esc(card.subject)}</div>' if card.subject else ""
    heading = f"<h3>{esc(card.heading)} {chip(card.phase)}</h3>"
    return panel(f"event {card.index}: {card.verb}", heading, subject, promise, facts(card.rows), failed=card.failed)


def _states(moment: Moment) -> str:
    body = "".join(
        f"<tr><th>{esc(row.label)}</th><td{_CHANGED[row.source_changed]}>{esc(row.source)}</td>"
        f"<td{_CHANGED[row.destination_changed]}>{esc(row.destination)}</td></tr>"
        for row in moment.states
    )
    head = "<thead><tr><th></th><th>source</th><th>destination</th></tr></thead>"
    return panel("after this event", f"<table>{head}<tbody>{body}</tbody></table>")


_SHORT = {Side.SOURCE: "src", Side.DESTINATION: "dst"}
_CHANGED = {True: ' class="changed"', False: ""}


def _neighbours(moment: Moment) -> str:
    lines = "".join(
        f'<li class="{"now" if each.now else ""}" title="{esc(each.text)}"><span class="muted mono">{each.index:>4} '
        f"{_SHORT[each.side]}</span> {esc(each.text)}</li>"
        for each in moment.neighbours
    )
    return panel("events around it", f'<ol class="events">{lines}</ol>')


def _bytes(moment: Moment) -> str:
    return panel("its bytes", hex_pane(moment.hex_rows, moment.runs, note=moment.bytes_note))
