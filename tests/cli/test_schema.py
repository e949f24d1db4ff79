"""``schema extract``, ``schema to-ksy``, ``schema list`` and ``--schema``."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.reader.schemas import description_of, library
from savevm_inspect.stream.records import EndOfStream


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from savevm_inspect.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def bare(capture_path: Callable[[str], Path], tmp_path: Path) -> Path:
    """A running machine's stream without its description."""
    data = capture_path("x86-10.0-live").read_bytes()
    with si.open_stream(data) as stream:
        end = next(record.span.end for record in stream.records if isinstance(record, EndOfStream))
    path = tmp_path / "bare.mig"
    path.write_bytes(data[:end])
    return path


def test_what_is_extracted_is_what_qemu_wrote(
    capture_path: Callable[[str], Path], bare: Path, tmp_path: Path
) -> None:
    source = capture_path("x86-10.0-live")
    output = tmp_path / "live.json"
    result = run("schema", "extract", source, "--output", output)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    with si.open_stream(source) as stream:
        assert output.read_bytes() == description_of(stream.source, stream.offset)
    assert {"bare.mig", "live.json"} == {path.name for path in tmp_path.iterdir()}

    info = json.loads(run("info", bare, "--json", "--schema", output).stdout)
    assert (info["schema"], info["opaque_bytes"], info["problems"]) == ("given", 0, [])
    assert run("check", bare, "--schema", output).returncode == 0
    assert "not in the stream, given" in run("info", bare, "--schema", output).stdout
    shown = run("show", bare, "timer", "--json", "--schema", output)
    assert json.loads(shown.stdout)[0]["path"] == "cpu_ticks_offset"


def test_a_stream_without_a_description_has_nothing_to_extract(bare: Path, tmp_path: Path) -> None:
    output = tmp_path / "none.json"
    result = run("schema", "extract", bare, "--output", output)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "has none" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bare.mig"]


def test_an_output_that_can_not_be_written(capture_path: Callable[[str], Path], tmp_path: Path) -> None:
    result = run("schema", "extract", capture_path("none-11.1"), "--output", tmp_path / "no" / "such" / "file")
    assert result.returncode == 3
    assert "No such file" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_schema_that_does_not_fit(capture_path: Callable[[str], Path], bare: Path) -> None:
    paused = capture_path("x86-10.0-paused")
    checked = run("check", bare, "--schema", paused)
    assert checked.returncode == 1
    assert "cpu/msr_smi_count" in checked.stdout
    info = json.loads(run("info", bare, "--json", "--schema", paused).stdout)
    assert info["schema"] == "none"
    assert "cpu/msr_smi_count" in info["problems"][0]
    missing = run("info", bare, "--schema", "no-such-file")
    assert "no-such-file: No such file" in missing.stdout + missing.stderr


def test_the_library(bare: Path) -> None:
    listed = run("schema", "list").stdout
    assert len(listed.splitlines()) == 1 + len(library())
    assert "pc-i440fx-10.0" in listed
    info = json.loads(run("info", bare, "--json", "--schema", "library").stdout)
    assert info["schema"] == "library:x86-10.0-live"
    assert info["opaque_bytes"] == 0
    assert "from the library:x86-10.0-live" in run("info", bare, "--schema", "library:x86-10.0-live").stdout


def test_a_format_of_a_machine(capture_path: Callable[[str], Path], bare: Path, tmp_path: Path) -> None:
    source, output = capture_path("x86-10.0-live"), tmp_path / "live.ksy"
    result = run("schema", "to-ksy", source, "--output", output)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    text = output.read_text(encoding="utf-8")
    assert {"bare.mig", "live.ksy"} == {path.name for path in tmp_path.iterdir()}
    assert run("schema", "to-ksy", source).stdout == text
    assert text.startswith("meta:\n  id: qemu_pc_i440fx_10_0\n")
    assert "imports:" not in text
    assert """'"serial@0"': serial_state""" in text

    borrowed = run("schema", "to-ksy", bare, "--schema", source)
    assert (borrowed.stdout, borrowed.stderr) == (text, "")


def test_a_format_without_a_description_has_lengths(bare: Path) -> None:
    result = run("schema", "to-ksy", bare)
    assert result.returncode == 0
    assert result.stderr.count("\n") == 1
    assert "no description" in result.stderr
    with si.open_stream(bare) as stream:
        serial = next(section for section in stream.sections if section.idstr == "serial")
    assert f"""'"serial@0"': known_length({serial.payload.length})\n""" in result.stdout


@pytest.mark.parametrize("content", [b"", b"no stream at all", b"QEVM\0\0\0\3"])
def test_no_format_of_what_is_no_stream(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "none.mig"
    path.write_bytes(content)
    result = run("schema", "to-ksy", path, "--output", tmp_path / "none.ksy")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert [each.name for each in tmp_path.iterdir()] == ["none.mig"]


def test_no_format_of_a_description_that_is_none(capture_path: Callable[[str], Path], tmp_path: Path) -> None:
    data = capture_path("none-11.1").read_bytes()
    path = tmp_path / "broken.mig"
    path.write_bytes(data.replace(b'"fields"', b'"fjelds"').replace(b'"page_size": ', b'"page_size":-'))
    result = run("schema", "to-ksy", path, "--output", tmp_path / "broken.ksy")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "page_size" in result.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["broken.mig"]


def test_info_prints_the_domain_of_a_save_image(capture_path: Callable[[str], Path]) -> None:
    image = Path(__file__).parents[1] / "captures" / "t-7.2-libvirt-gzip.save.xz"
    printed = run("info", image, "--xml")
    with si.open_stream(image) as stream:
        assert printed.stdout == stream.domain_xml + "\n"
    assert run("info", image, "--xml", "--json").returncode == 2
    refused = run("info", capture_path("none-11.1"), "--xml")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "no domain XML" in refused.stderr
