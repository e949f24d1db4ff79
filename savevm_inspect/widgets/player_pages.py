"""The pages that show a player: each has a comm of its own, opened by the front end with the run's id.

A notebook that is opened again finds its player so, as long as the kernel is the one that made it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from weakref import WeakValueDictionary

from comm import get_comm_manager

TARGET: Final = "savevm-inspect.player"


class Comm(Protocol):
    """A line to a page, as the package ``comm`` makes it."""

    def send(self, data: dict[str, Any]) -> None:
        """Send a message."""

    def close(self) -> None:
        """End it; the page hears of that."""

    def on_msg(self, callback: Callable[[Mapping[str, Any]], None]) -> None:
        """Give each message of the page to a function."""

    def on_close(self, callback: Callable[[Mapping[str, Any]], None]) -> None:
        """Call a function when the page is gone."""


class Shown(Protocol):
    """What a page shows."""

    position: int

    def answer(self, question: object) -> dict[str, Any] | None:
        """The answer to a page that asks, if it is one to be answered."""

    def observe(self, handler: Callable[[Mapping[str, Any]], None], names: str) -> None:
        """Call a function when an attribute changes."""

    def unobserve(self, handler: Callable[[Mapping[str, Any]], None], names: str) -> None:
        """No longer."""


_players: Final[WeakValueDictionary[str, Shown]] = WeakValueDictionary()


def register(run_id: str, player: Shown) -> None:
    """Let pages find a player.

    Args:
        run_id: what its output says.
        player: kept as long as somebody else keeps it.
    """
    _players[run_id] = player


def forget(run_id: str) -> None:
    """Let no page find a player any more."""
    _players.pop(run_id, None)


def serve(player: Shown, comm: Comm) -> None:
    """Answer a page, and keep its position and the player's one.

    Args:
        player: what it shows.
        comm: to the page; what comes from there may be anything.
    """
    heard: int | None = None

    def receive(message: Mapping[str, Any]) -> None:
        nonlocal heard
        content = message["content"]["data"]
        position = content.get("position") if isinstance(content, dict) else None
        if type(position) is int:
            heard = position
            player.position = position
        elif (answer := player.answer(content)) is not None:
            comm.send(answer)

    def tell(change: Mapping[str, Any]) -> None:
        if change["new"] != heard:  # a page that goes on at once would be called back by its own words
            comm.send({"position": change["new"]})

    comm.on_msg(receive)
    comm.on_close(lambda _message: player.unobserve(tell, names="position"))
    player.observe(tell, names="position")
    comm.send({"position": player.position})


def _opened(comm: Comm, message: Mapping[str, Any]) -> None:
    """A page that asks for a run: it is served, or hears that nobody knows the run."""
    content = message["content"]["data"]
    run_id = content.get("id") if isinstance(content, dict) else None
    player = _players.get(run_id) if isinstance(run_id, str) else None
    if player is None:
        comm.close()
    else:
        serve(player, comm)


get_comm_manager().register_target(TARGET, _opened)
