"""What tests of the recorder start: programs that are found as a QEMU, and the processes that are left of them."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from savevm_inspect.errors import RecordError


def running_with(marker: str) -> list[int]:
    """The processes that have a marker in their environment: QEMU inherits ours."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            content = environ.read_bytes()
        except OSError:
            continue  # it ended meanwhile, or is another user's
        if marker.encode() in content:
            found.append(int(environ.parent.name))
    return [pid for pid in found if pid != os.getpid()]


def fake_qemu(folder: Path, script: str) -> str:
    """A program that is found as a QEMU and is none."""
    program = folder / "qemu-system-fake"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def assert_ends_late(record: Callable[[float], object], clean: Path, message: str) -> None:
    """A recording that takes too long says so; on a busy machine it gets longer until it has come so far."""
    for limit in (1, 8, 64):
        shutil.rmtree(clean, ignore_errors=True)  # what an earlier try has kept
        with pytest.raises(RecordError, match=f"longer than {limit} s; ") as raised:
            record(limit)
        if re.search(message, str(raised.value)):
            return
    pytest.fail(f"{raised.value}, expected {message}")
