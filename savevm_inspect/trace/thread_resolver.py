"""Which thread wrote a line: by its number where the log has numbers, else by the source code's rules."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..rules.status import entered
from ..rules.threads import Side, Thread
from ..stream.events import EventKind
from .facts import Facts
from .lines import TraceLine
from .meaning import Meaning
from .rules import CHECKPOINT_THREAD, SNAPSHOT_CHECKPOINT_THREAD


class ThreadResolver:
    """Resolves which thread wrote each line of a log.

    Args:
        facts: of the log.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._side = facts.side
        self._listening = False
        self._main_is_done = False
        self._resuming = False

    def known(self, line: TraceLine) -> Thread | None:
        """The thread of a line of which nothing but its number is known."""
        return self._walker(self._facts.threads.get(line.thread_id)) if line.thread_id is not None else None

    def thread(self, line: TraceLine, meaning: Meaning, keys: dict[str, Any]) -> Thread | None:
        """The thread of a line; ``None`` if unknown.

        Args:
            line: the next line of the log.
            meaning: of its trace event.
            keys: what its arguments said.
        """
        thread = self.known(line) or self._by_rule(line, meaning, keys)
        self._follow(line, keys)
        return thread

    def _follow(self, line: TraceLine, keys: dict[str, Any]) -> None:
        """Two threads read sections from LISTEN on, until the main thread has read its package."""
        if keys.get("name") == "MIG_CMD_POSTCOPY_LISTEN" and line.name == "loadvm_process_command":
            self._listening = True
        elif line.name == "qemu_loadvm_state_post_main":
            self._main_is_done = True
        elif line.name in ("loadvm_postcopy_handle_resume", "qemu_loadvm_state_section"):
            self._resuming = line.name == "loadvm_postcopy_handle_resume"

    def _by_rule(self, line: TraceLine, meaning: Meaning, keys: dict[str, Any]) -> Thread | None:
        thread = self._walker(meaning.thread or self._by_name(line, meaning, keys))
        if thread is None and self._side is Side.DESTINATION and not self._listening:
            return Thread.MAIN  # there is no other one yet
        return thread

    def _by_name(self, line: TraceLine, meaning: Meaning, keys: dict[str, Any]) -> Thread | None:
        if meaning.kind is EventKind.STATE:
            status = entered(self._side, keys["name"])
            return status.thread if status is not None else None
        if line.name == "vmstate_downtime_checkpoint":
            table = SNAPSHOT_CHECKPOINT_THREAD if self._facts.snapshot else CHECKPOINT_THREAD
            return table.get(keys["name"])
        if line.name == "migrate_send_rp_message":
            return self._sender(line, keys)
        return self._loader(line, keys) if meaning.loads else None

    def _walker(self, thread: Thread | None) -> Thread | None:
        """What a migration thread does, another one does for a snapshot."""
        if thread is not Thread.MIGRATION or self._side is Side.DESTINATION:
            return thread
        if self._facts.snapshot:
            return Thread.SNAPSHOT
        return Thread.MAIN if self._facts.internal else thread

    def _sender(self, line: TraceLine, keys: dict[str, Any]) -> Thread | None:
        """Whoever reads commands answers them; pages are asked for by the fault thread, and again at a resume."""
        asks = keys.get("event") is EventKind.PAGE_REQUEST
        if self._listening and keys.get("name") == "MIG_RP_MSG_SHUT":
            return None  # the listen thread's last word up to 10.1, the main thread's since
        return Thread.FAULT if asks and not self._resuming else self._loader(line, keys)

    def _loader(self, line: TraceLine, keys: dict[str, Any]) -> Thread | None:
        if not self._listening:
            return Thread.MAIN
        if self._main_is_done:
            return Thread.LISTEN
        rule = _LOADER_BY_LINE.get(line.name)
        return rule(self._facts, keys) if rule is not None else None


def _by_type(_facts: Facts, keys: dict[str, Any]) -> Thread | None:
    return {"2": Thread.LISTEN, "3": Thread.LISTEN, "4": Thread.MAIN}.get(keys["name"])


def _by_device(facts: Facts, keys: dict[str, Any]) -> Thread | None:
    return Thread.LISTEN if keys["idstr"] in facts.iterable.values() else Thread.MAIN


_LOADER_BY_LINE: Final[Mapping[str, Callable[[Facts, dict[str, Any]], Thread | None]]] = {
    "qemu_loadvm_state_section": _by_type,
    "qemu_loadvm_state_section_startfull": lambda _facts, _keys: Thread.MAIN,
    "qemu_loadvm_state_section_partend": lambda _facts, _keys: Thread.LISTEN,
    "ram_load_complete": lambda _facts, _keys: Thread.LISTEN,
    "vmstate_load": _by_device,
    "vmstate_downtime_load": _by_device,
}
"""Between LISTEN and the package's end two threads load: plain devices are in the package, the rest is not."""
