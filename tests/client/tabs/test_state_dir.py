import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logux_store.client.tabs.state_dir import UnsafeDirectoryError, file_name, tabs_directory

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")


@given(st.text(), st.text())
def test_names_of_files_are_safe_and_different_for_different_texts(one: str, two: str) -> None:
    names = []
    for text in (one, two):
        try:
            name = file_name(text)
        except UnicodeEncodeError:
            return
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_%.")
        assert len(name) <= 100
        names.append(name)
    assert (names[0] == names[1]) == (one == two)


def test_a_name_does_not_rest_on_upper_and_lower_case() -> None:
    assert file_name("Ann") != file_name("ann")
    assert file_name("Ann") == file_name("Ann").lower()
    assert file_name("..") == "%2e%2e"
    assert len(file_name("x" * 1000)) < 100
    assert file_name("x" * 1000) != file_name("x" * 1001)


@posix_only
def test_the_directory_is_for_its_owner_alone(tmp_path: Path) -> None:
    directory = tabs_directory("app", "a/b", tmp_path / "new" / "state")
    assert directory == tmp_path / "new" / "state" / "user-a%2fb"
    assert directory.stat().st_mode & 0o777 == 0o700
    assert tabs_directory("app", "a/b", tmp_path / "new" / "state") == directory


@posix_only
def test_a_new_directory_is_safe_also_where_a_group_may_write_what_is_new(
    tmp_path: Path, state_directory: Path
) -> None:
    former = os.umask(0o002)
    try:
        for state_dir in (tmp_path / "new" / "state", None):
            directory = tabs_directory("app", "10", state_dir)
            for path in (directory, directory.parent):
                assert path.stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(former)


def test_each_application_has_its_own_directory(state_directory: Path) -> None:
    one, two = (tabs_directory(prefix, "10", None) for prefix in ("One App", "two"))
    assert one != two
    assert one.is_dir()


@posix_only
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
@pytest.mark.parametrize("inner", [False, True])
def test_a_directory_that_others_can_write_is_refused(
    mode: int, inner: bool, tmp_path: Path
) -> None:
    directory = tabs_directory("app", "10", tmp_path / "state")
    (directory if inner else tmp_path / "state").chmod(mode)
    with pytest.raises(UnsafeDirectoryError, match="run: chmod go-w"):
        tabs_directory("app", "10", tmp_path / "state")


@posix_only
def test_somebody_elses_directory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = os.stat(tmp_path).st_uid
    monkeypatch.setattr("os.geteuid", lambda: me + 1)
    with pytest.raises(UnsafeDirectoryError, match="belongs to the user"):
        tabs_directory("app", "10", tmp_path)


def test_a_file_in_its_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(OSError, match="state"):
        tabs_directory("app", "10", tmp_path / "state")
    with pytest.raises(NotADirectoryError, match=r"choose a state_dir.*file.inner"):
        tabs_directory("app", "10", tmp_path / "state" / "file" / "inner")
