"""The SOURCE argument and the options that say how to open it, given to every verb that takes one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .supervision import OUR_PROCESS, supervise

if TYPE_CHECKING:
    from ..reader.stream import Stream


@dataclass(frozen=True, slots=True)
class Chosen:
    """A stream that the user chose.

    Attributes:
        name: SOURCE, as it was given.
        options: the keyword arguments of :func:`~savevm_inspect.reader.stream.open_stream`.
        supervised: whether this process may go on in a child, and map large files there.
        follow: read files of a folder that are links out of it.
    """

    name: str
    options: dict[str, Any]
    supervised: bool = False
    follow: bool = False

    def open(self, *, strict: bool = True) -> "Stream":
        """Open it."""
        from ..container.capture_folder import CaptureFolder  # noqa: PLC0415
        from ..reader.stream import open_stream  # noqa: PLC0415 - where SOURCE was left out nothing is to be read

        if self.supervised:
            given = (self.options[name] for name in ("return_path", "schema"))
            supervise([self.name, *self.options["channels"], *self.options["resumed"], *filter(None, given)])
        is_followed = self.follow and Path(self.name).is_dir()
        source = CaptureFolder(self.name, follow=True) if is_followed else self.name
        return open_stream(source, **self.options, strict=strict, mapped=self.supervised)

    @contextmanager
    def open_as_far_as_sound(self) -> "Iterator[Stream]":
        """Open what can be read of it; errors are raised after that has been shown."""
        with self.open(strict=False) as stream:
            if not stream.records:
                raise stream.problems[0]
            yield stream
            if stream.problems:
                raise stream.problems[0]


def _to_offset(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    """Read a number in decimal, or in hex after ``0x``."""
    try:
        number = int(value, 0)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no number") from None
    if number < 0:
        raise click.BadParameter(f"{value!r} is negative")
    return number


takes_follow = click.option(
    "--follow",
    is_flag=True,
    help="Also read files of a folder that are links out of it, as git-annex and DVC make them.",
)
"""Gives a verb the ``--follow`` flag."""

_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)
_SOURCE = click.Path(exists=True, allow_dash=True)
_OPTIONS = (
    click.option(
        "--offset",
        default="0",
        callback=_to_offset,
        metavar="N",
        help="Where in the file the stream starts, in bytes.",
    ),
    click.option(
        "--channel",
        "channels",
        type=_FILE,
        multiple=True,
        metavar="FILE",
        help="A further forward channel; again for each, in the order of their connections.",
    ),
    click.option(
        "--return-path", type=_FILE, metavar="FILE", help="What the destination sent back; checked, not counted."
    ),
    click.option(
        "--resumed",
        type=_FILE,
        multiple=True,
        metavar="FILE",
        help="The main channel after a postcopy recovery; again for each.",
    ),
    click.option("--snapshot", metavar="NAME", help="Which internal snapshot of a qcow2 image."),
    click.option(
        "--schema",
        metavar="FILE",
        help="For a stream without a description: one, or another stream that has one; `library` for what the "
        "library has, `library:NAME` for one of it.",
    ),
    takes_follow,
)
_NAMES = ("offset", "channels", "return_path", "resumed", "snapshot", "schema")


def takes_source(function: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the SOURCE argument with its options; its first argument is what they chose."""
    return _with_options(function, click.argument("source", type=_SOURCE))


def may_take_source(function: Callable[..., None]) -> Callable[..., None]:
    """Give a verb a SOURCE that may be left out; its first argument is then ``None``."""
    return _with_options(function, click.argument("source", type=_SOURCE, required=False))


def _with_options(
    function: Callable[..., None], argument: Callable[[Callable[..., None]], Callable[..., None]]
) -> Callable[..., None]:
    @wraps(function)
    def with_source(source: str | None, **options: Any) -> None:
        ours = click.get_current_context().obj is OUR_PROCESS
        follow = options.pop("follow")
        chosen = {name: options.pop(name) for name in _NAMES}
        function(Chosen(source, chosen, supervised=ours, follow=follow) if source is not None else None, **options)

    decorated: Callable[..., None] = with_source
    for option in reversed((argument, *_OPTIONS)):
        decorated = option(decorated)
    return decorated
