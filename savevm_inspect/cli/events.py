"""``savevm-inspect events``."""

from collections.abc import Iterable
from pathlib import Path

import click

from ..rules.threads import Side
from ..stream.events import Event, EventKind
from ..trace.recorded import Recorded
from ..views.cards import headline
from ..views.perfetto import write_perfetto
from ..views.units import time_text
from .options import cell, say, show, table, takes_output
from .source import takes_follow


@click.command("events")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--side", type=click.Choice([side.value for side in Side]), help="Only what one end did.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, as in events.jsonl.")
@takes_output("--perfetto", required=False, content="the events for ui.perfetto.dev")
@takes_follow
def command(source: Path, side: str | None, as_json: bool, perfetto: Path | None, follow: bool) -> None:
    """List what happened in a migration, event by event.

    SOURCE is a capture folder, a trace log of QEMU (NAME.trace, NAME.src.trace, NAME.dst.trace), what the names
    of its files begin with (NAME), a folder with the logs of one migration, or a stream.
    """
    if as_json and perfetto is not None:
        raise click.UsageError("give one of --json and --perfetto")
    recorded = Recorded.open(source, follow=follow)
    stream = recorded.open_stream(strict=False)
    try:
        events = (event for event in recorded.events(stream) if side is None or event.side == side)
        if perfetto is not None:
            write_perfetto(tuple(events), perfetto)
            say(f"wrote {perfetto}; open it at ui.perfetto.dev", perfetto)
        elif as_json:
            for event in events:
                click.echo(event.to_json())
        else:
            _list(events)
        if stream is not None and stream.problems:
            raise stream.problems[0]  # what came before it has been printed
    finally:
        if stream is not None:
            stream.close()


_SPARE = ("bytes", "thread", "figures", "time", "phase")
"""What a narrow terminal does without, in that order."""


def _list(events: Iterable[Event]) -> None:
    grid = table(
        *("seq", "time", "side", "phase", "thread", "event", "", "figures", "bytes", ""),
        numbers=("seq", "time", "bytes"),
        spare=_SPARE,
    )
    for event in events:
        grid.add_row(
            str(event.seq),
            time_text(event.time_us),
            event.side.value,
            event.phase.value if event.phase else "",
            event.thread.value if event.thread else "",
            event.event.value,
            cell(headline(event)),
            cell(_figures(event)),
            _place(event),
            "" if event.observed else "derived",
        )
    show(grid)


def _figures(event: Event) -> str:
    """What the event counts, and how it failed."""
    parts = [
        f"{key} {value}"
        for key in (
            "must_precopy",
            "can_postcopy",
            "stopcopy_bytes",
            "threshold_bytes",
            "dirty_pages",
            "returned",
            "addr",
            "repeats",
        )
        if (value := getattr(event, key)) is not None
    ]
    if event.error and event.error not in parts:  # an error may be the returned value in words
        parts.append(event.error)
    elif event.event is EventKind.LOG and event.upstream and event.name:
        parts.append(event.upstream.removeprefix(event.name).strip())
    return ", ".join(each for each in parts if each)


def _place(event: Event) -> str:
    if event.offset is None or event.length is None:
        return ""
    channel = f"{event.channel}:" if event.channel else ""
    return f"{channel}{event.offset:#x}+{event.length}"
