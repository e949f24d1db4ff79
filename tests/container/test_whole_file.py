"""A file appears under its name when it is whole; whatever happens before, nothing is left and nothing is lost."""

import errno
from pathlib import Path

import pytest

from savevm_inspect.container.whole_file import whole_file
from savevm_inspect.errors import SavevmError


def write(output: Path, failure: BaseException | None = None) -> None:
    with whole_file(output) as draft:
        draft.write_bytes(b"new")
        assert draft.parent.parent == output.parent, "on the same file system, where a file is renamed in one step"
        if failure is not None:
            raise failure


@pytest.mark.parametrize("old", [None, b"old"])
def test_it_appears_at_the_end(old: bytes | None, tmp_path: Path) -> None:
    output = tmp_path / "file"
    if old is not None:
        output.write_bytes(old)
    with whole_file(output) as draft:
        draft.write_bytes(b"new")
        assert (output.read_bytes() if output.exists() else None) == old
    assert output.read_bytes() == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), ValueError("mine"), SavevmError("mine")], ids=repr)
@pytest.mark.parametrize("old", [None, b"old"])
def test_what_goes_wrong_leaves_all_as_it_was(old: bytes | None, failure: BaseException, tmp_path: Path) -> None:
    output = tmp_path / "file"
    if old is not None:
        output.write_bytes(old)
    with pytest.raises(type(failure)) as caught:
        write(output, failure)
    assert caught.value is failure
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == ({} if old is None else {"file": old})


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SavevmError, match=rf"^{tmp_path}/file: No space left on device$"):
        write(tmp_path / "file", OSError(errno.ENOSPC, "No space left on device"))
    assert not any(tmp_path.iterdir())


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SavevmError, match="No such file or directory"):
        write(tmp_path / "none" / "file")
