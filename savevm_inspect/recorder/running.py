"""Running one coroutine to its end from plain code: in a terminal, in a service, in a notebook's cell."""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ..errors import RecordError

_T = TypeVar("_T")

_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def run_to_end(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine; whatever interrupts it cancels it and lets it clean up first.

    Args:
        work: the coroutine.

    Returns:
        What it returns.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
        RecordError: a signal asked to end, and its handler let the program go on.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        if threading.current_thread() is threading.main_thread():
            return _run_in_main(work)
        return asyncio.run(work)
    return _run_beside(work)


def _run_in_main(work: Coroutine[Any, Any, _T]) -> _T:
    received: list[signal.Signals] = []

    async def guarded() -> _T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def end(number: signal.Signals) -> None:
            received.append(number)
            if task is not None:
                task.cancel()

        for number in handlers:
            loop.add_signal_handler(number, end, number)
        return await work

    # One that is ignored (nohup) stays ignored; one that is not Python's own (None) could not be put back.
    before = {number: signal.getsignal(number) for number in _ENDING_SIGNALS}
    handlers = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError as error:
        raise RecordError("the recording was interrupted") from error
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if received:
            signal.raise_signal(received[0])


def _run_beside(work: Coroutine[Any, Any, _T]) -> _T:
    # This thread's event loop is running us (a notebook's cell), so the work gets a thread with its own.
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)

    def drive() -> _T:
        try:
            return loop.run_until_complete(task)
        finally:
            loop.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(drive)
        try:
            return future.result()
        except KeyboardInterrupt:
            loop.call_soon_threadsafe(task.cancel)
            raise
