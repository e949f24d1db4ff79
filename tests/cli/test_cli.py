"""The command line as its users meet it: the contract of --json, exit statuses, one-line errors."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from savevm_inspect.stream import writer
from savevm_inspect.stream.records import SectionHead, SectionKind
from savevm_inspect.stream.writer import Writer
from savevm_inspect.views.json_documents import DOCUMENTS

SECTION_KEYS = {
    "section_id",
    "idstr",
    "instance_id",
    "version_id",
    "kind",
    "channel",
    "start",
    "length",
    "decoded",
    "framing",
    "salvaged",
}
INFO_KEYS = {
    "format",
    "version",
    "container",
    "machine",
    "stream_version",
    "page_size",
    "page_size_from",
    "complete",
    "problems",
    "capabilities",
    "remarks",
    "after_end_bytes",
    "schema",
    "size_bytes",
    "decoded_bytes",
    "opaque_bytes",
    "hole_bytes",
    "accounted_bytes",
    "ramblocks",
    "commands",
    "sections",
}


def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from savevm_inspect.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


def assert_one_line_error(result: subprocess.CompletedProcess[str], message: str, status: int = 1) -> None:
    assert result.returncode == status
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.fixture(scope="session")
def paused(capture_path: Callable[[str], Path]) -> Path:
    return capture_path("x86-10.0-paused")


def test_info_keeps_its_contract(paused: Path) -> None:
    result = run("info", paused, "--json")
    facts = json.loads(result.stdout)
    assert (result.returncode, result.stderr) == (0, "")
    assert set(facts) == INFO_KEYS
    assert all(set(section) == SECTION_KEYS for section in facts["sections"])
    assert facts["machine"] == "pc-i440fx-10.0"
    assert facts["complete"] is True
    assert facts["commands"] == [
        {"name": "SWITCHOVER_START", "channel": 0, "start": facts["commands"][0]["start"], "length": 5}
    ]
    assert facts["ramblocks"][0] == {"name": "pc.ram", "used_bytes": 16 << 20}
    assert facts["accounted_bytes"] == facts["size_bytes"] == paused.stat().st_size


def test_info_tells_people_too(paused: Path) -> None:
    result = run("info", paused)
    assert result.returncode == 0
    for words in ("pc-i440fx-10.0", "4096 bytes, from the description", "SWITCHOVER_START", "0 opaque"):
        assert words in result.stdout


def test_sections_lists_them_in_stream_order(paused: Path) -> None:
    rows = json.loads(run("sections", paused, "--json").stdout)
    assert [row["start"] for row in rows] == sorted(row["start"] for row in rows)
    printed = run("sections", paused).stdout.splitlines()
    assert len(printed) == len(rows) + 1
    assert all(line == line.rstrip() for line in printed)


def test_sections_of_a_stream_that_was_cut_are_those_before(paused: Path, tmp_path: Path) -> None:
    rows = json.loads(run("sections", paused, "--json").stdout)
    cut = tmp_path / "cut"
    cut.write_bytes(paused.read_bytes()[: rows[5]["start"] + 3])
    result = run("sections", cut, "--json")
    assert [row["start"] for row in json.loads(result.stdout)] == [row["start"] for row in rows[:5]]
    assert_one_line_error(result, f"{rows[5]['start'] + 1:#x}: ")
    assert len(run("sections", cut).stdout.splitlines()) == 1 + 5


def test_sections_of_another_channel_say_so(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    run("record", "--engine", "postcopy-recover", "--output", folder)
    rows = json.loads(run("sections", folder, "--json").stdout)
    assert {row["channel"] for row in rows} == {0, 1}
    starts = [line.split()[0] for line in run("sections", folder).stdout.splitlines()[1:]]
    assert starts == [f"{'1:' if row['channel'] else ''}{row['start']:#x}" for row in rows]


def test_info_counts_commands_that_come_again(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    run("record", "--engine", "postcopy", "--output", folder)
    names = [each["name"] for each in json.loads(run("info", folder, "--json").stdout)["commands"]]
    line = next(line for line in run("info", folder).stdout.splitlines() if line.startswith("commands"))
    assert line.split()[1] == names[0] + ","
    assert f"PING ({names.count('PING')} times)" in line
    assert "1 block\n" in run("info", folder).stdout


def test_show_names_fields_and_their_bytes(paused: Path) -> None:
    fields = json.loads(run("show", paused, "serial", "--json").stdout)
    assert set(fields[0]) == {key.path for key in DOCUMENTS["show"].keys}
    data = paused.read_bytes()
    for field in fields:
        if field["type"] == "uint8":
            assert data[field["offset"]] == field["value"]
    assert "divider" in run("show", paused, "serial").stdout


def test_show_finds_an_instance_and_names_with_an_at(capture_path: Callable[[str], Path], paused: Path) -> None:
    first = json.loads(run("show", paused, "dma@0", "--json").stdout)
    second = json.loads(run("show", paused, "dma@1", "--json").stdout)
    assert first[0]["offset"] < second[0]["offset"]
    ppc = capture_path("ppc64-pseries-11.1")
    rows = json.loads(run("sections", ppc, "--json").stdout)
    with_at = next(row["idstr"] for row in rows if "@" in row["idstr"])
    assert run("show", ppc, with_at).returncode == 0
    assert run("show", ppc, f"{with_at}@0").returncode == 0


def test_check_judges(paused: Path, tmp_path: Path) -> None:
    assert run("check", paused).returncode == 0
    cut = tmp_path / "cut"
    cut.write_bytes(paused.read_bytes()[:200_000])
    result = run("check", cut)
    assert result.returncode == 1
    assert "0x303d5 in section ram (instance 0): a page needs 4096 bytes, 2411 are left" in result.stdout
    assert "last good record: Section at" in result.stdout
    broken = bytearray(paused.read_bytes())
    footer = json.loads(run("sections", paused, "--json").stdout)[3]
    broken[footer["start"] + footer["length"] - 1] ^= 0xFF
    cut.write_bytes(broken)
    result = run("check", cut)
    assert result.returncode == 1
    assert "footer names section 255, the open section is 0 (timer, instance 0)" in result.stdout


def test_a_description_that_contradicts_the_bytes_fails_the_check(paused: Path, tmp_path: Path) -> None:
    data = paused.read_bytes()
    lies = tmp_path / "lies"
    lies.write_bytes(data.replace(b'"subsections": [{"vmsd_name": "cpu/', b'"subsections": [{"vmsd_name": "cpx/'))
    assert lies.read_bytes() != data
    result = run("check", lies)
    assert result.returncode == 1
    assert "its schema says 'cpx/" in result.stdout
    assert json.loads(run("info", lies, "--json").stdout)["opaque_bytes"] > 0


def test_ram_statistics_add_up(capture_path: Callable[[str], Path]) -> None:
    facts = json.loads(run("ram", "stats", capture_path("t-10.0-live"), "--json").stdout)
    assert facts["sent_pages"] == sum(block["sent_pages"] for block in facts["blocks"])
    ram = facts["blocks"][0]
    assert ram["sent_pages"] == sum(ram[f"{kind}_pages"] for kind in ("normal", "zero", "xbzrle", "compressed"))
    assert (
        ram["sent_pages"] - ram["sent_again_pages"] + ram["missing_pages"] == ram["used_bytes"] // facts["page_size"]
    )
    assert ram["sent_again_pages"] > 0


def test_ram_statistics_of_a_stream_that_was_cut_are_of_what_came(paused: Path, tmp_path: Path) -> None:
    whole = json.loads(run("ram", "stats", paused, "--json").stdout)
    cut = tmp_path / "cut"
    cut.write_bytes(paused.read_bytes()[:200_000])
    result = run("ram", "stats", cut, "--json")
    facts = json.loads(result.stdout)
    assert 0 < facts["sent_pages"] < whole["sent_pages"]
    assert facts["sent_pages"] == sum(block["sent_pages"] for block in facts["blocks"])
    assert_one_line_error(result, "a page needs 4096 bytes, 2411 are left")
    assert "never sent" in run("ram", "stats", cut).stdout


def test_what_a_cut_stream_holds_is_shown_before_its_error(paused: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(paused.read_bytes()[:-100])
    for verb, shown in (("sections", "globalstate"), ("events", "eof"), (("ram", "map"), "pc.bios")):
        result = run(*([verb] if isinstance(verb, str) else verb), cut)
        assert shown in result.stdout
        assert_one_line_error(result, "a description needs")
    assert_one_line_error(run("show", cut, "timer"), "a description needs")


def test_ram_extract_writes_a_block_and_nothing_else(paused: Path, tmp_path: Path) -> None:
    output = tmp_path / "ram.bin"
    result = run("ram", "extract", paused, "--block", "pc.ram", "--output", output)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert output.stat().st_size == 16 << 20
    assert_one_line_error(run("ram", "extract", paused, "--block", "x", "--output", output), "no RAM block 'x'")


def test_ram_extract_refuses_a_stream_that_was_cut(paused: Path, tmp_path: Path) -> None:
    cut, output = tmp_path / "cut", tmp_path / "ram.bin"
    cut.write_bytes(paused.read_bytes()[:200_000])
    result = run("ram", "extract", cut, "--block", "pc.ram", "--output", output)
    assert result.returncode == 1
    assert not output.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0x0: the stream's magic needs 4 bytes"),
        (b"\x7fELF" * 9, "not a migration stream: starts with b'\\x7fELF'"),
    ],
)
@pytest.mark.parametrize("verb", [("info",), ("sections",), ("show", "cpu"), ("ram", "stats")])
def test_what_is_no_stream_is_one_line(content: bytes, message: str, verb: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    arguments = [*verb, file] if verb[0] == "ram" else [verb[0], file, *verb[1:]]
    result = run(*arguments)
    assert_one_line_error(result, message)
    assert result.stdout == ""


def test_wrong_usage_is_status_2(paused: Path, tmp_path: Path) -> None:
    for arguments in (
        ("info",),
        ("info", tmp_path / "none"),
        ("nothing",),
        ("info", paused, "--offset", "x"),
        ("record", "--output", "x"),
    ):
        result = run(*arguments)
        assert result.returncode == 2, arguments
        assert "Traceback" not in result.stderr


def test_an_offset_may_be_hex(paused: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(4096) + paused.read_bytes())
    assert run("check", file, "--offset", "0x1000").returncode == 0
    assert run("check", file, "--offset", "4096").returncode == 0


def test_an_engine_recording_is_a_source(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    result = run("record", "--engine", "quickstart", "--output", folder)
    assert result.returncode == 0, result.stderr
    assert run("check", folder).returncode == 0
    facts = json.loads(run("info", folder, "--json").stdout)
    assert facts["container"] == "capture"
    assert facts["opaque_bytes"] == 0
    assert_one_line_error(run("record", "--engine", "nothing", "--output", folder), "no scenario 'nothing'")


def test_scenarios_are_listed() -> None:
    names = [row["name"] for row in json.loads(run("scenarios", "--json").stdout)]
    assert "quickstart" in names
    assert all(name in run("scenarios").stdout for name in names)


def test_names_of_a_stream_can_not_steer_the_terminal(tmp_path: Path) -> None:
    out = bytearray()
    f = Writer(out.extend)
    writer.put_file_header(f)
    writer.put_configuration(f, "pc", capabilities=("x\x1b]0;owned\x07",))
    head = SectionHead(section_id=1, idstr="a[red]b", instance_id=0, version_id=1, kind=SectionKind.FULL)
    writer.put_section_header(f, head)
    writer.put_section_footer(f, 1)
    writer.put_eof(f)
    file = tmp_path / "evil"
    file.write_bytes(out)
    for verb in (("sections",), ("info",), ("check",)):
        result = run(*verb, file)
        assert "\x1b" not in result.stdout + result.stderr
        assert result.returncode == 0
    assert "a[red]b" in run("sections", file).stdout
    assert "x\\x1b]0;owned\\x07" in run("info", file).stdout


def test_a_reader_that_goes_away_is_no_traceback(paused: Path) -> None:
    command = f"{sys.executable} -c 'from savevm_inspect.cli import main; main()' show {paused} cpu | head -n 1"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in result.stderr
    assert "offset" in result.stdout


def test_a_recording_without_qemu_says_what_to_install(tmp_path: Path) -> None:
    result = run("record", "--qemu", "qemu-system-nothing -machine none", "--output", tmp_path / "c")
    assert_one_line_error(result, "qemu-system-nothing")
    assert "apt install qemu-system" in result.stderr
    assert not (tmp_path / "c").exists()


@pytest.mark.qemu
def test_a_recording_of_a_real_qemu(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    result = run("record", "--qemu", "qemu-system-x86_64 -machine none", "--run-seconds", "0.1", "--output", folder)
    assert result.returncode == 0, result.stderr
    assert run("check", folder).returncode == 0


def test_check_says_what_became_of_the_migration(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    assert run("record", "--engine", "quickstart", "--output", folder).returncode == 0
    assert "the migration" not in run("check", folder).stdout
    manifest = json.loads((folder / "capture.json").read_text())
    (folder / "capture.json").write_text(json.dumps(manifest | {"outcome": "failed", "error": "no room"}))
    assert "remark: the migration failed: no room" in run("check", folder).stdout
    assert "the migration failed: no room" in json.loads(run("check", folder, "--json").stdout)["remarks"]
