"""Which thread wrote a line: told by its number where the log has numbers, else by the source code's rules."""

from typing import Any

from ..stream.events import EventKind, Side, Thread
from .facts import Facts
from .lines import TraceLine
from .meaning import Meaning
from .rules import CHECKPOINT_THREAD, STATUSES

_OF_PACKAGE = ("4",)
_OF_LISTENER = ("2", "3")


class WhoseLine:
    """Names the threads of one log.

    Args:
        facts: of the log.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._side = facts.side
        self._listening = False
        self._main_is_done = False

    def known(self, line: TraceLine) -> Thread | None:
        """The thread of a line that nothing but its number tells about."""
        return self._walker(self._facts.threads.get(line.thread_id)) if line.thread_id is not None else None

    def thread(self, line: TraceLine, meaning: Meaning, keys: dict[str, Any]) -> Thread | None:
        """The thread of a line, ``None`` if nothing tells.

        Args:
            line: the next line of the log.
            meaning: of its trace event.
            keys: what its arguments told.
        """
        self._follow(line, keys)
        return self.known(line) or self._by_rule(line, meaning, keys)

    def lane(self, line: TraceLine, thread: Thread | None) -> int | Thread | None:
        """What tells the lines of one thread from those of others."""
        return line.thread_id if line.thread_id is not None else thread

    def _follow(self, line: TraceLine, keys: dict[str, Any]) -> None:
        """Two threads read sections from LISTEN on, until the main thread has read its package."""
        if keys.get("name") == "MIG_CMD_POSTCOPY_LISTEN" and line.name == "loadvm_process_command":
            self._listening = True
        elif line.name == "qemu_loadvm_state_post_main":
            self._main_is_done = True

    def _by_rule(self, line: TraceLine, meaning: Meaning, keys: dict[str, Any]) -> Thread | None:
        if meaning.thread is not None:
            return self._walker(meaning.thread)
        if meaning.kind is EventKind.STATE:
            status = STATUSES[self._side].get(keys["name"])
            return self._walker(status.thread) if status is not None else None
        if line.name == "vmstate_downtime_checkpoint":
            return self._walker(CHECKPOINT_THREAD.get(keys["name"]))
        return self._loader(line, keys) if meaning.loads else None

    def _walker(self, thread: Thread | None) -> Thread | None:
        """What a migration thread does, another one does for a snapshot."""
        if thread is not Thread.MIGRATION or self._side is Side.DESTINATION:
            return thread
        if self._facts.snapshot:
            return Thread.SNAPSHOT
        return Thread.MAIN if self._facts.internal else thread

    def _loader(self, line: TraceLine, keys: dict[str, Any]) -> Thread | None:
        if not self._listening:
            return Thread.MAIN
        if self._main_is_done:
            return Thread.LISTEN
        match line.name:
            case "qemu_loadvm_state_section":
                kind = keys["name"]
                return Thread.MAIN if kind in _OF_PACKAGE else Thread.LISTEN if kind in _OF_LISTENER else None
            case "qemu_loadvm_state_section_startfull":
                return Thread.MAIN
            case "qemu_loadvm_state_section_partend" | "ram_load_complete":
                return Thread.LISTEN
            case "vmstate_load" | "vmstate_downtime_load":
                return Thread.LISTEN if keys["idstr"] in self._facts.iterable.values() else Thread.MAIN
        return None
