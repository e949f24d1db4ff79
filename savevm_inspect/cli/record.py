"""``savevm-inspect record``."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.status import Status

from ..engine.front import record_scenario
from ..recorder.qemu import record_qemu
from .options import console


@click.command("record")
@click.option("--engine", "scenario", metavar="SCENARIO", help="Play a scenario of the engine.")
@click.option("--qemu", "qemu", metavar="COMMAND", help="Start a real QEMU with this command line, without a shell.")
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), metavar="DIR", help="The capture folder to make."
)
@click.option(
    "--run-seconds",
    default=1.0,
    type=click.FloatRange(min=0),
    show_default=True,
    help="--qemu: how long the guest runs before it is migrated.",
)
@click.option("--bandwidth", type=click.IntRange(min=1), metavar="BYTES", help="--qemu: max-bandwidth, a second.")
@click.option("--downtime-limit", type=click.IntRange(min=1), metavar="MS", help="--qemu: downtime-limit.")
@click.option(
    "--capability", "capabilities", multiple=True, metavar="NAME", help="--qemu: a migration capability to switch on."
)
@click.option("--force", is_flag=True, help="Replace a capture in DIR with whatever else lies there.")
@click.option("--discard", is_flag=True, help="Keep nothing of a migration that does not complete.")
@click.option("--truth", is_flag=True, help="--qemu: keep the stopped guest's memory and registers, to compare with.")
def command(
    scenario: str | None,
    qemu: str | None,
    output: Path,
    run_seconds: float,
    bandwidth: int | None,
    downtime_limit: int | None,
    capabilities: tuple[str, ...],
    truth: bool,
    force: bool,
    discard: bool,
) -> None:
    """Record a migration into the capture folder DIR: bytes and events, of the engine or of a real QEMU."""
    if (scenario is None) == (qemu is None):
        raise click.UsageError("give one of --engine and --qemu")
    with _progress_line() as show:
        if scenario is not None:
            show(f"playing {scenario}")
            record_scenario(scenario, output, force=force, discard=discard)
        else:
            assert qemu is not None
            record_qemu(
                qemu,
                output,
                run_seconds=run_seconds,
                bandwidth_bytes_per_s=bandwidth,
                downtime_limit_ms=downtime_limit,
                capabilities=capabilities,
                truth=truth,
                force=force,
                discard=discard,
                progress=show,
            )
    click.echo(f"recorded {output}; look at it with: savevm-inspect info {output}")


@contextmanager
def _progress_line() -> Iterator[Callable[[str], None]]:
    """Show what happens in one line on stderr, while that is a terminal."""
    if sys.stderr.isatty():
        with Status("", console=console(stderr=True)) as status:
            yield status.update
    else:
        yield lambda _line: None
