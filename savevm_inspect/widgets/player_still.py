"""The player as a still picture: HTML without a script, for where neither a kernel nor the module draws it."""

from typing import Final

from ..markup import esc
from ..rules.threads import Side
from ..views.moment import Moment, Playback
from .html import chip, facts, hex_pane, page, panel
from .svg import run_svg


def player_still(playback: Playback, index: int) -> str:
    """One event of a run with all around it.

    Args:
        playback: the run.
        index: of the event.
    """
    moment = playback.moment(index)
    notes = "".join(
        f'<div class="note">{esc(each)}</div>'
        for each in (playback.outcome, playback.problem, playback.unseen)
        if each
    )
    panes = "".join(f"<div>{each}</div>" for each in (_card(moment), _states(moment), _neighbours(moment)))
    return page(
        f"<h3>{esc(playback.capture.name)}</h3><div class='muted'>recorded by {esc(playback.capture.made_by)}; "
        f"{len(playback.timeline)} events</div>{notes}",
        f'<div><span class="muted">event</span> <b>{index}</b> of {len(playback.timeline) - 1}</div>',
        run_svg(playback.timeline, index),
        f'<div class="columns">{panes}</div>',
        panel("its bytes", hex_pane(moment.hex_rows, moment.runs, note=moment.bytes_note)),
        '<div class="note">A still picture of the player; run the notebook to go through the migration.</div>',
    )


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


_SHORT: Final = {Side.SOURCE: "src", Side.DESTINATION: "dst"}
_CHANGED: Final = {True: ' class="changed"', False: ""}


def _neighbours(moment: Moment) -> str:
    lines = "".join(
        f'<li class="{"now" if each.now else ""}" title="{esc(each.text)}"><span class="muted mono">{each.index:>4} '
        f"{_SHORT[each.side]}</span> {esc(each.text)}</li>"
        for each in moment.neighbours
    )
    return panel("events around it", f'<ol class="events">{lines}</ol>')
