"""What the decoder makes of one stream; in a process of its own, with limits."""

import asyncio
import multiprocessing
import re
import resource
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import savevm_inspect as si
from savevm_inspect.errors import SavevmError
from savevm_inspect.stream.records import Framing
from savevm_inspect.stream.values import Undecoded
from savevm_inspect.views.summary import problems

MEMORY_BYTES, CPU_SECONDS = 4 << 30, 60
MOST_REASONS = 40
_NO_DESCRIPTION = "the stream has no description, its devices are only framed"


def plain(name: str) -> str:
    """A name without what tells instances apart: the path of a bus, and indexes."""
    return re.sub(r"\[\d+\]", "[]", re.sub(r"^.*/(?=[^/]+$)", "*/", name))


def reasons(stream: Any) -> Counter[tuple[str, str, str, str]]:
    """The opaque bytes by idstr, field, type and why."""
    found: Counter[tuple[str, str, str, str]] = Counter()
    for section in stream.sections:
        idstr = plain(section.idstr)
        if section.framing is Framing.INFERRED:
            if stream.schema_from == "none":
                found["", "", "", "the stream has no description, its devices are only framed"] += (
                    section.payload.length
                )
            elif section.payload.length:
                found[idstr, "", "", "framed by its footer alone"] += section.payload.length
            continue
        try:
            fields = list(stream.decode(section))
        except SavevmError:
            continue  # it is among the problems
        for each in fields:
            if isinstance(each.value, Undecoded):
                path = re.sub(r"\[\d+\]", "[]", each.path)
                found[idstr, path, each.type, re.sub(r"0x[0-9a-f]+|\d+", "N", each.value.why)] += each.span.length
    return found


def _judge(file: Path) -> dict[str, Any]:
    """Open a stream, decode all of it, and say what came of it."""
    started = time.process_time()
    try:
        with si.open_stream(file, strict=False) as stream:
            wrong = [str(each) for each in problems(stream)]
            opaque = reasons(stream)
            whole = stream.complete and stream.account.accounted_bytes == stream.size_bytes
            if not whole and not wrong:
                wrong = ["incomplete"]
            answer: dict[str, Any] = {
                "outcome": "refused" if wrong else "opaque" if opaque else "whole",
                "problems": wrong[:MOST_REASONS],
                "opaque": [[*key, count] for key, count in opaque.most_common(MOST_REASONS)],
                "size_bytes": stream.size_bytes,
                "sections": len(stream.sections),
                "schema": stream.schema_from,
            }
    except SavevmError as error:
        answer = {"outcome": "refused", "problems": [str(error)], "opaque": []}
    return answer | {"seconds": round(time.process_time() - started, 2)}


def _judge_and_send(file: Path, answer: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    answer.send(_judge(file))


def _judge_apart(file: Path) -> dict[str, Any]:
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["__main__", __name__])  # the decoder is imported once
    ours, theirs = server.Pipe(duplex=False)
    child = server.Process(target=_judge_and_send, args=(file, theirs))
    child.start()
    theirs.close()
    try:
        answer: dict[str, Any] = ours.recv()
    except EOFError:
        child.join()
        return {"outcome": "refused", "problems": [f"the decoder ended with {child.exitcode}"], "opaque": []}
    child.join()
    return answer


async def judge(file: Path) -> dict[str, Any]:
    """Open a stream with the decoder; a decoder that fails or takes too much is a result, too."""
    return await asyncio.to_thread(_judge_apart, file)
