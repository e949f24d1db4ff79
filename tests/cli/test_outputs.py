"""What a verb writes: never an input, whole or not at all, and wherever the user wants it."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from savevm_inspect.cli.source import takes_source

from .command_line import MAIN, call, one_line, run, verbs

ONE_FILE: dict[tuple[str, ...], tuple[str, ...]] = {
    ("ram", "extract"): ("--block", "pc.ram", "--partial", "--output"),
    ("ram", "export"): ("--elf", "--partial", "--output"),
    ("schema", "extract"): ("--output",),
    ("schema", "to-ksy"): ("--output",),
    ("events",): ("--perfetto",),
}
"""Each verb that writes one file -> its options, the output's the last one."""

FOLDERS = {("record",): "--output", ("export",): "--parquet", ("lab",): "--directory"}
"""Each verb that makes a folder -> the option that names it. Of these, `lab` writes only what is not there."""


def test_no_verb_that_writes_is_forgotten() -> None:
    for path, command in verbs():
        written = {
            option
            for param in command.params
            if isinstance(param, click.Option) and isinstance(param.type, click.Path) and not param.type.exists
            for option in param.opts
        }
        known = {ONE_FILE[path][-1]} if path in ONE_FILE else {FOLDERS[path]} if path in FOLDERS else set()
        assert written == known, path


def test_no_option_that_reads_is_forgotten() -> None:
    @takes_source
    def command(_chosen: object) -> None: ...

    given = {param.name for param in command.__click_params__}  # type: ignore[attr-defined]
    assert given - {"follow", "offset", "snapshot"} == {"source", "channels", "return_path", "resumed", "schema"}


@dataclass(frozen=True, slots=True)
class Case:
    """A command line that reads, and the file of it that is not to be written."""

    arguments: tuple[object, ...]
    victim: Path


@pytest.fixture
def inputs(capture_path: Callable[..., Path], tmp_path: Path) -> Path:
    """Files that the tests may lose: a stream, its other channels, and a capture folder."""
    for kind in ("ch1.fwd", "ch0.rev"):
        shutil.copy(capture_path("s-7.2-postcopy-preempt", kind), tmp_path / kind)
    shutil.copy(capture_path("x86-10.0-paused"), tmp_path / "main")
    shutil.copy(capture_path("trace-pc-10.0-tofile", "trace"), tmp_path / "one.trace")
    shutil.copy(tmp_path / "main", tmp_path / "one.mig")
    folder = tmp_path / "capture"
    folder.mkdir()
    shutil.copy(tmp_path / "main", folder / "channel0.fwd")
    (folder / "events.jsonl").write_text("")
    (folder / "notes.txt").write_text("years")
    channels = [{"number": 0, "direction": "forward", "file": "channel0.fwd"}]
    manifest = {"format": "savevm-inspect/capture", "version": 1, "made_by": "test", "channels": channels}
    (folder / "capture.json").write_text(json.dumps(manifest))
    return tmp_path


def of_a_stream(folder: Path, role: str) -> Case:
    main, schema = folder / "main", folder / "schema"
    shutil.copy(main, schema)
    options = {"channel": folder / "ch1.fwd", "return-path": folder / "ch0.rev", "schema": schema}
    if role == "resumed":
        shutil.copy(main, folder / "resumed")
        options["resumed"] = folder / "resumed"
    cases = {
        "source": Case((main,), main),
        **{name: Case((main, f"--{name}", path), path) for name, path in options.items()},
        **{
            f"capture: {name}": Case((folder / "capture",), folder / "capture" / name)
            for name in ("capture.json", "channel0.fwd", "events.jsonl", "notes.txt")
        },
        "trace: log": Case((folder / "one",), folder / "one.trace"),
        "trace: stream": Case((folder / "one",), folder / "one.mig"),
    }
    return cases[role]


STREAM_ROLES = ("source", "channel", "return-path", "resumed", "schema")
CAPTURE_ROLES = tuple(f"capture: {name}" for name in ("capture.json", "channel0.fwd", "events.jsonl", "notes.txt"))
TRACE_ROLES = ("trace: log", "trace: stream")


def roles(path: tuple[str, ...]) -> tuple[str, ...]:
    return ("source", *CAPTURE_ROLES, *TRACE_ROLES) if path == ("events",) else (*STREAM_ROLES, *CAPTURE_ROLES)


@pytest.mark.parametrize(("path", "role"), [(path, role) for path in ONE_FILE for role in roles(path)], ids=str)
def test_an_output_is_never_an_input(path: tuple[str, ...], role: str, inputs: Path, capfd: Any) -> None:
    case = of_a_stream(inputs, role)
    before = {each: each.read_bytes() for each in inputs.rglob("*") if each.is_file()}
    (inputs / "link").symlink_to(case.victim)
    os.link(case.victim, inputs / "hard")
    for output in (case.victim, inputs / "link", inputs / "hard"):
        status = call(*path, *case.arguments, *ONE_FILE[path], output)
        one_line(status, capfd.readouterr().err, 2, "an input; not overwritten")
    assert {each: each.read_bytes() for each in before} == before
    assert {each.name for each in inputs.iterdir()} == {each.relative_to(inputs).parts[0] for each in before} | {
        "link",
        "hard",
    }


def test_a_folder_of_tables_is_never_an_input(inputs: Path, capfd: Any) -> None:
    (inputs / "tables").mkdir()
    main = (inputs / "main").rename(inputs / "tables" / "pages.parquet")
    before = main.read_bytes()
    status = call("export", main, "--parquet", inputs / "tables")
    one_line(status, capfd.readouterr().err, 2, "an input; not overwritten")
    status = call("export", inputs / "capture", "--parquet", inputs / "capture")
    one_line(status, capfd.readouterr().err, 1, "is no export of tables")
    assert main.read_bytes() == before


def test_standard_input_is_an_input_too(inputs: Path) -> None:
    with (inputs / "main").open("rb") as file:
        result = run("schema", "extract", "-", "--output", inputs / "main", stdin=file)
    one_line(result.returncode, result.stderr.decode(), 2, "an input; not overwritten")


@pytest.mark.parametrize("path", ONE_FILE, ids=" ".join)
def test_one_file_goes_wherever_it_is_wanted(path: tuple[str, ...], inputs: Path, capfdbinary: Any) -> None:
    command = (*path, inputs / "main", *ONE_FILE[path])
    file = inputs / "file"
    assert call(*command, file) == 0
    whole = file.read_bytes()
    assert len(whole) > 1000
    capfdbinary.readouterr()
    for name in ("-", "/dev/stdout"):
        assert call(*command, name) == 0
        assert capfdbinary.readouterr().out == whole
    fifo = inputs / "fifo"
    os.mkfifo(fifo)
    with (inputs / "read").open("wb") as read, subprocess.Popen(["cat", str(fifo)], stdout=read):
        assert call(*command, fifo) == 0
    assert (inputs / "read").read_bytes() == whole
    (inputs / "link").symlink_to("elsewhere")
    assert call(*command, inputs / "link") == 0
    assert (inputs / "link").is_symlink()
    assert (inputs / "elsewhere").read_bytes() == whole
    assert not [each for each in inputs.iterdir() if each.name.startswith(".")]


def test_what_stdout_is_open_on_is_written_where_it_stands(inputs: Path) -> None:
    appended = inputs / "appended"
    with appended.open("ab") as log:
        log.write(b"before")
        log.flush()
        assert run("schema", "extract", inputs / "main", "--output", "/dev/stdout", stdout=log).returncode == 0
    text = run("schema", "extract", inputs / "main", "--output", "-").stdout
    assert appended.read_bytes() == b"before" + text


@pytest.mark.parametrize("path", ONE_FILE, ids=" ".join)
def test_what_the_system_refuses_is_one_line(path: tuple[str, ...], inputs: Path, capfd: Any) -> None:
    for output, words in (
        ("/dev/full", "/dev/full: No space left on device"),
        (inputs / ("n" * 300), "File name too long"),
        (inputs / "none" / "file", "No such file or directory"),
        ("/proc/file", "/proc/file: "),
    ):
        status = call(*path, inputs / "main", *ONE_FILE[path], output)
        one_line(status, capfd.readouterr().err, 3, words)
    assert not [each for each in inputs.iterdir() if each.name.startswith((".", "n" * 9))]


@pytest.mark.parametrize("verb", [("info",), ("schema", "to-ksy")])
def test_a_full_output_is_one_line(verb: tuple[str, ...], inputs: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        result = run(*verb, inputs / "main", stdout=full)
    one_line(result.returncode, result.stderr.decode(), 3, "standard output: No space left on device")


@pytest.fixture(params=[0o022, 0o077, 0o002], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_modes_follow_the_umask(inputs: Path, umask: int) -> None:
    for path, options in ONE_FILE.items():
        output = inputs / "-".join(path)
        assert call(*path, inputs / "main", *options, output) == 0
        assert output.stat().st_mode & 0o777 == 0o666 & ~umask
    assert call("export", inputs / "main", "--parquet", inputs / "tables") == 0
    assert call("record", "--engine", "quickstart", "--output", inputs / "new") == 0
    for folder in (inputs / "tables", inputs / "new"):
        assert folder.stat().st_mode & 0o777 == 0o777 & ~umask
        assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o666 & ~umask}


def test_a_closed_output_is_said(inputs: Path) -> None:
    words = ["sh", *MAIN, "info", str(inputs / "main")]
    closed = subprocess.run(["/bin/sh", "-c", '"$@" >&-', *words], capture_output=True, check=False)
    one_line(closed.returncode, closed.stderr.decode(), 3, "standard output is closed")


@pytest.mark.parametrize("verb", [("sections", "--json"), ("schema", "to-ksy")])
def test_where_nobody_reads_on_all_is_quiet(verb: tuple[str, ...], inputs: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    result = run(*verb, inputs / "main", stdout=write)
    os.close(write)
    assert (result.returncode, result.stderr) == (141, b"")
