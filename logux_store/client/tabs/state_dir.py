"""The directory in which the tabs of a user meet, and whether it is safe.

Whoever can write there can take a tab's place and see all that the user sees. So it belongs to the
user of the operating system alone.
"""

import hashlib
import os
import stat
import sys
from pathlib import Path

import platformdirs

__all__ = ["UnsafeDirectoryError", "file_name", "make_directories", "tabs_directory"]

SAFE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
MAX_NAME = 100


class UnsafeDirectoryError(PermissionError):
    """Somebody else could write to the directory."""


def tabs_directory(prefix: str, user_id: str, state_dir: str | os.PathLike[str] | None) -> Path:
    """The directory for the tabs of this user in the application `prefix`; made if need be.

    `state_dir` replaces the application's directory among the state files of the user of the
    operating system. Raises UnsafeDirectoryError, or another OSError, when it cannot be used.
    """
    if state_dir is None:
        root = platformdirs.user_state_path(file_name(prefix), appauthor=False)
    else:
        root = Path(state_dir).absolute()
    directory = root / f"user-{file_name(user_id)}"
    try:
        make_directories(directory)
    except OSError as error:
        advice = f"{error.strerror}; give this user the right to write there, or choose a state_dir"
        raise OSError(error.errno, advice, error.filename) from error
    for path in (root, directory):
        check_safe(path)
    return directory


def make_directories(directory: Path) -> None:
    """Make the directory of a user's tabs, and the one that it is in, unless they are there."""
    # One by one: the mode counts for the last part of a path only, whatever the umask lets others.
    for path in (directory.parent, directory):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def file_name(text: str) -> str:
    """A name for a file that is different for different texts, on any file system: they may not
    tell upper from lower case, and forbid many characters.
    """
    name = "".join(
        char if char in SAFE else "".join(f"%{byte:02x}" for byte in char.encode()) for char in text
    )
    if len(name) > MAX_NAME:
        name = f"{name[:40]}.{hashlib.sha256(text.encode()).hexdigest()[:40]}"
    return name


def check_safe(path: Path) -> None:
    """Raise UnsafeDirectoryError if somebody else owns the directory or may write to it."""
    if sys.platform == "win32":
        # There a directory in the user's profile inherits who may enter it.
        return
    status = path.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(f"{path} is no directory; remove it, or choose another state_dir")
    if status.st_uid != os.geteuid():
        raise UnsafeDirectoryError(
            f"{path} belongs to the user {status.st_uid}, who could read and change everything; "
            "choose another state_dir"
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UnsafeDirectoryError(
            f"{path} can be written by others (mode {stat.S_IMODE(status.st_mode):o}); "
            f"run: chmod go-w '{path}'"
        )
