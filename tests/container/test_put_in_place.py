"""Folders that exchange their names: both are there afterwards, or nothing has changed."""

import ctypes
import errno
from pathlib import Path
from types import SimpleNamespace

import pytest

from savevm_inspect.container.put_in_place import _exchange, put_in_place


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("new", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    return tmp_path / "new", tmp_path / "old"


def refusing(number: int) -> SimpleNamespace:
    """A libc whose renameat2 fails."""

    def renameat2(*_: object) -> int:
        ctypes.set_errno(number)
        return -1

    return SimpleNamespace(renameat2=renameat2)


LIBCS = {"as it is": None, "no renameat2": SimpleNamespace(), "not on this file system": refusing(errno.EINVAL)}


@pytest.mark.parametrize("libc", LIBCS)
def test_what_had_the_name_has_the_other_one_then(
    libc: str, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    new, old = folders
    if LIBCS[libc] is not None:
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: LIBCS[libc])
    put_in_place(new, old)
    assert [[each.name for each in folder.iterdir()] for folder in (old, new)] == [["new"], ["old"]]
    assert sorted(each.name for each in new.parent.iterdir()) == ["new", "old"]


def test_a_name_that_is_free_is_taken(folders: tuple[Path, Path]) -> None:
    new, old = folders
    for target in (new.with_name("free"), new.with_name("empty")):
        (old.parent / "empty").mkdir(exist_ok=True)
        put_in_place(new, target)
        assert (target / "new").exists()
        assert not new.exists()
        new = target


@pytest.mark.parametrize("libc", ["as it is", "no renameat2"])
def test_nothing_changes_if_it_can_not_be_done(
    libc: str, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    new, old = folders
    if libc == "as it is":
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: refusing(errno.EIO))
    else:
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace())
        rename, seen = Path.rename, []

        def fail_once(self: Path, target: Path) -> Path:
            seen.append(self)
            if len(seen) == 3:  # the first finds the name taken, the second makes it free
                raise OSError(errno.EIO, "Input/output error")
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises(OSError, match="Input/output error"):
        put_in_place(new, old)
    assert [[each.name for each in folder.iterdir()] for folder in (old, new)] == [["old"], ["new"]]
    assert sorted(each.name for each in new.parent.iterdir()) == ["new", "old"]


def test_the_system_exchanges_them_at_once(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = folders
    if not _exchange(new, old):
        pytest.skip("this system exchanges no names")
    monkeypatch.setattr(Path, "rename", None)  # it is not asked
    assert _exchange(new, old)
    assert [[each.name for each in folder.iterdir()] for folder in (old, new)] == [["old"], ["new"]]
