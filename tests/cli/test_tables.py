"""``export`` and ``ram stats`` as their users meet them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

Unpack = Callable[[str], Path]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from savevm_inspect.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_export_writes_a_folder_of_parquet(capture_path: Unpack, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    result = run("export", capture_path("x86-10.0-live"), "--parquet", folder)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    pages, fields = pq.read_table(folder / "pages.parquet"), pq.read_table(folder / "fields.parquet")
    facts = json.loads(run("ram", "stats", capture_path("x86-10.0-live"), "--json").stdout)
    assert pages.num_rows == facts["sent_pages"]
    assert sum(pages["cost_bytes"].to_pylist()) == facts["page_bytes"]
    assert fields.num_rows > 1000
    listed = run("events", capture_path("x86-10.0-live"), "--json").stdout.splitlines()
    assert pq.read_table(folder / "events.parquet").num_rows == len(listed) > 100


def test_export_leaves_what_is_not_its_own(capture_path: Unpack, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    result = run("export", capture_path("none-11.1"), "--parquet", tmp_path)
    assert result.returncode == 1
    assert result.stderr == f"savevm-inspect: {tmp_path}: exists and is no export of tables; not overwritten\n"
    assert [each.name for each in tmp_path.iterdir()] == ["notes"]


def test_export_names_what_is_missing(capture_path: Unpack, tmp_path: Path) -> None:
    code = "import sys; sys.modules['pyarrow'] = None; from savevm_inspect.cli import main; main()"
    arguments = ["export", str(capture_path("none-11.1")), "--parquet", str(tmp_path / "tables")]
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.endswith("pip install 'savevm-inspect[tables]'\n")
    assert len(result.stderr.splitlines()) == 1
    assert not any(tmp_path.iterdir())


def test_stats_tell_iterations_costs_and_classes(capture_path: Unpack) -> None:
    facts = json.loads(run("ram", "stats", capture_path("t-10.0-live"), "--json").stdout)
    assert facts["iterations_from"] == "inferred"
    assert [each["number"] for each in facts["iterations"]] == [1, 2, 3, 4, 5]
    assert sum(each["wasted_bytes"] for each in facts["iterations"]) == facts["wasted_bytes"] > 0
    assert facts["page_bytes"] + facts["other_bytes"] == facts["ram_bytes"]
    ram = facts["blocks"][0]
    assert sum(ram["classes"].values()) == ram["used_bytes"] // facts["page_size"]


@pytest.mark.parametrize("name", ["t-10.0-live", "none-11.1"])
def test_stats_are_tables(name: str, capture_path: Unpack) -> None:
    result = run("ram", "stats", capture_path(name))
    assert result.returncode == 0
    headings = [line.split("  ")[0] for line in result.stdout.splitlines()]
    assert [heading for heading in headings if heading in {"block", "iteration", "final pages of"}] == [
        "block",
        "iteration",
        "final pages of",
    ]
    assert "Iterations are inferred: the fewest that the stream can have had." in result.stdout
