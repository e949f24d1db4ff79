"""Recorders that want one place at the same time: one wins, the others say so, and no finished recording is lost."""

import os
import subprocess
import sys
from pathlib import Path

TRIES = int(os.environ.get("SAVEVM_CONCURRENT_TRIES", "40"))

RECORDERS = """
import os, sys, traceback
from pathlib import Path
from savevm_inspect.container.capture_folder import CaptureFolder
from savevm_inspect.container.capture_writer import CaptureWriter
from savevm_inspect.errors import SavevmError

path, tries = Path(sys.argv[1]), int(sys.argv[2])

def record(name, start):
    os.read(start, 1)  # all begin when the other end is closed
    try:
        with CaptureWriter(path, made_by=name) as writer:
            for number in range(3):
                writer.open_channel(number).write(name.encode() * 1000)
    except SavevmError as error:
        if "another recorder writes there now" in str(error):
            os._exit(1)
        traceback.print_exc()
        os._exit(2)
    except BaseException:
        traceback.print_exc()
        os._exit(3)
    os._exit(0)

for attempt in range(tries):
    start, go = os.pipe()
    names = [f"{attempt}-{number}" for number in range(4)]
    children = {}
    for name in names:
        child = os.fork()
        if not child:
            os.close(go)
            record(name, start)
        children[child] = name
    os.close(go)
    os.close(start)
    statuses = {children[child]: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children}
    won = [name for name, status in statuses.items() if status == 0]
    folder = CaptureFolder(path)
    contents = {each.read_bytes() for each in folder.forward()}
    assert set(statuses.values()) <= {0, 1}, statuses
    assert folder.made_by in won, (folder.made_by, won)
    assert contents == {folder.made_by.encode() * 1000}, "no file of another recorder's"
    assert list(path.parent.iterdir()) == [path]
print(tries)
"""


def test_one_wins_and_no_finished_recording_is_lost(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RECORDERS, str(tmp_path / "capture"), str(TRIES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{TRIES}\n", "")
