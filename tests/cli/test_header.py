"""``savevm-inspect header``: a version's own header equals it, and a changed one says how it differs."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from savevm_inspect.cli.header import command
from savevm_inspect.errors import SavevmError
from savevm_inspect.rules.interfaces import INTERFACES

from ..rules.test_register_h import written


def _document(path: Path, text: str) -> dict[str, Any]:
    path.write_text(text)
    done = CliRunner().invoke(command, [str(path), "--json"], catch_exceptions=False)
    assert done.exit_code == 0
    document: dict[str, Any] = json.loads(done.stdout)
    assert (document["format"], document["version"]) == ("savevm-inspect/header", 1)
    return document


@pytest.mark.parametrize("version", INTERFACES)
def test_a_versions_own_header_equals_it_and_every_callback_is_known(version: str, tmp_path: Path) -> None:
    document = _document(tmp_path / "register.h", written(INTERFACES[version].signatures.items()))
    assert document["equals"] == document["nearest"]["version"] == version
    assert document["nearest"]["source"] == ("inferred" if version == "11.1" else "header")
    for row in document["callbacks"]:
        assert row["known"]
        assert version in row["versions"]
        assert row["promise"] == INTERFACES[version].callbacks[row["name"]].promise
        assert all(parameter["meaning"] for parameter in row["parameters"])


def test_a_changed_header_says_how_it_differs(tmp_path: Path) -> None:
    signatures = INTERFACES["10.2"].signatures
    del signatures["resume_prepare"]
    signatures["save_setup"] = INTERFACES["7.2"].signatures["save_setup"]
    signatures["save_live_iterated"] = signatures["save_live_iterate"]
    path = tmp_path / "register.h"
    document = _document(path, written(signatures.items()))
    nearest = document["nearest"]
    assert document["equals"] is None
    assert (nearest["version"], nearest["missing"], nearest["more"]) == (
        "10.2",
        ["resume_prepare"],
        ["save_live_iterated"],
    )
    assert [each["name"] for each in nearest["other_parameters"]] == ["save_setup"]
    unknown = [row for row in document["callbacks"] if not row["known"]]
    assert [(row["name"], row["near"][0]) for row in unknown] == [("save_live_iterated", "save_live_iterate")]
    printed = CliRunner().invoke(command, [str(path)], catch_exceptions=False).stdout
    for said in (
        "has resume_prepare",
        "has no save_live_iterated",
        "nearest name is save_live_iterate",
        "save_setup is int",
    ):
        assert said in printed


def test_a_file_that_is_no_register_h_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.h"
    path.write_bytes(b"\xff\0 nothing")
    with pytest.raises(SavevmError, match=r"x\.h: no structure SaveVMHandlers"):
        CliRunner().invoke(command, [str(path)], catch_exceptions=False)
