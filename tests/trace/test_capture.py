"""Finding the files of a migration by their names, and bringing both ends into one order."""

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from savevm_inspect.container.capture_writer import CaptureWriter
from savevm_inspect.errors import SavevmError
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import EventKind
from savevm_inspect.trace import capture as capture_module
from savevm_inspect.trace.capture import TraceCapture
from savevm_inspect.trace.recorded import Recorded

CAPTURES = Path(__file__).parents[1] / "captures"
CapturePath = Callable[..., Path]
Traced = Callable[[str], Path]


@pytest.fixture
def folder(traced: Traced, tmp_path: Path) -> Path:
    """The files of one migration, and no others."""
    name = traced("trace-pc-11.1-postcopy")
    for path in name.parent.glob(f"{name.name}.*"):
        if "recover" not in path.name:
            shutil.copy(path, tmp_path)
    return tmp_path


@pytest.mark.parametrize("asked", ["", "{name}", "{name}.src.trace", "{name}.dst.trace"])
def test_any_of_its_names_finds_all_of_it(asked: str, folder: Path) -> None:
    found = TraceCapture.find(folder / asked.replace("{name}", "trace-pc-11.1-postcopy"))
    assert [path.name for path, _ in found.logs] == [
        "trace-pc-11.1-postcopy.src.trace",
        "trace-pc-11.1-postcopy.dst.trace",
    ]
    assert [path.name for path in found.forward()] == ["trace-pc-11.1-postcopy.ch0.fwd"]
    assert {event.side for event in found.events()} == set(Side)


@pytest.mark.parametrize("which", ["src.trace", "dst.trace", "ch0.fwd"])
def test_links_out_of_a_folder_of_logs_are_followed_on_demand(
    which: str, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    name = f"trace-pc-11.1-postcopy.{which}"
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (folder / name).rename(elsewhere / name)
    (folder / name).symlink_to(elsewhere / name)
    for asked in (folder, folder / "trace-pc-11.1-postcopy"):
        with pytest.raises(SavevmError, match=f"{which}: a link out of its folder; not read without --follow"):
            Recorded.open(asked)
        assert any(Recorded.open(asked, follow=True).events())
    (folder / name).unlink()
    (elsewhere / name).rename(folder / "kept")
    (folder / name).symlink_to("kept")
    assert any(Recorded.open(folder).events()), "it leads nowhere else"


def test_a_log_that_is_named_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "links" / "log.trace"
    link.parent.mkdir()
    link.symlink_to(folder / "trace-pc-11.1-postcopy.src.trace")
    assert {event.side for event in Recorded.open(link).events()} == {Side.SOURCE}


def test_compressed_files_are_found_and_read(traced: Traced) -> None:
    packed = list(Recorded.open(CAPTURES / "trace-pc-11.1-precopy").events())
    assert packed == list(Recorded.open(traced("trace-pc-11.1-precopy")).events())


def test_the_channels_are_numbered_as_the_stream_numbers_them(tmp_path: Path) -> None:
    for name in ("m.src.trace", "m.ch0.fwd", "m.ch1.fwd", "m.ch2.fwd", "m.ch0.rev", "m-resumed.ch0.fwd"):
        (tmp_path / name).write_bytes(b"x")
    found = TraceCapture.find(tmp_path / "m")
    assert [(each.number, each.path.name) for each in found.channels if each.direction == "forward"] == [
        (0, "m.ch0.fwd"),
        (1, "m.ch1.fwd"),
        (2, "m.ch2.fwd"),
        (3, "m-resumed.ch0.fwd"),
    ]
    assert found.resumed == 1
    assert found.return_path() == tmp_path / "m.ch0.rev"


def test_a_log_alone_needs_no_stream(capture_path: CapturePath, tmp_path: Path) -> None:
    log = tmp_path / "whatever.txt"
    shutil.copy(capture_path("trace-pc-7.2-xbzrle", "dst.trace"), log)
    recorded = Recorded.open(log)
    assert recorded.open_stream() is None
    events = list(recorded.events())
    assert {event.side for event in events} == {Side.DESTINATION}
    assert all(event.offset is None for event in events)


def test_a_capture_folder_without_events_has_those_of_its_logs(capture_path: CapturePath, tmp_path: Path) -> None:
    with CaptureWriter(tmp_path / "run", made_by="somebody") as writer:
        writer.open_channel(0).write(capture_path("trace-pc-10.0-bgsnap").read_bytes())
        shutil.copy(capture_path("trace-pc-10.0-bgsnap", "trace"), writer.folder / "qemu.log")
    recorded = Recorded.open(tmp_path / "run")
    assert (recorded.name, recorded.made_by) == ("run", "somebody")
    stream = recorded.open_stream()
    assert stream is not None
    with stream:
        events = list(recorded.events(stream))
    assert sum(event.offset is not None for event in events if event.event is EventKind.RECORD) == 34 - 1


def test_one_clock_is_one_order_and_two_clocks_are_two_starts(folder: Path) -> None:
    one = list(Recorded.open(folder).events())
    assert all(a.time_us <= b.time_us for a, b in pairwise(one))
    sent = next(e for e in one if e.side is Side.SOURCE and e.name == "MIG_CMD_POSTCOPY_ADVISE")
    obeyed = next(e for e in one if e.side is Side.DESTINATION and e.name == "MIG_CMD_POSTCOPY_ADVISE")
    assert sent.seq < obeyed.seq
    log = folder / "trace-pc-11.1-postcopy.dst.trace"
    log.write_text(log.read_text().replace("2026-11-23T", "2027-01-01T"))
    two = list(Recorded.open(folder).events())
    assert max(event.time_us for event in two) < 10_000_000
    assert [e.upstream for e in two if e.side is Side.DESTINATION] == [
        e.upstream for e in one if e.side is Side.DESTINATION
    ]


def test_what_can_not_be_matched_is_said(traced: Traced, tmp_path: Path) -> None:
    name = traced("trace-pc-10.0-cancel")
    shutil.copy(name.parent / f"{name.name}.mig", tmp_path / "m.mig")
    text = (name.parent / f"{name.name}.trace").read_text()
    (tmp_path / "m.trace").write_text(text.replace("section_id 1", "section_id 9"))
    recorded = Recorded.open(tmp_path / "m")
    stream = recorded.open_stream(strict=False)
    assert stream is not None
    with stream:
        notes = [event.upstream for event in recorded.events(stream) if event.name == "unmatched"]
    assert len(notes) == 2
    assert any(
        "section 9 (not in the stream): 0 times in the stream, 16 times in the source's trace" in n for n in notes
    )


def test_of_a_log_without_end_a_bounded_part_is_kept(
    capture_path: CapturePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_module, "EVENTS_LIMIT", 10)
    events = list(TraceCapture.find(capture_path("trace-pc-7.2-tofile", "trace")).events())
    assert len(events) == 11
    assert (events[-1].name, events[-1].observed) == ("cut", False)


def test_a_folder_of_several_migrations_is_asked_which(tmp_path: Path) -> None:
    for name in ("a.trace", "b.src.trace"):
        (tmp_path / name).write_text("migrate_set_state new state setup\n")
    with pytest.raises(SavevmError, match="traces of 2 migrations; name one"):
        Recorded.open(tmp_path)
