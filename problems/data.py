"""Public test sets on disk: where a file of a set is."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = "OPTLIB_DATA"
"""The environment variable that names the folder of the test sets."""


class DataNotFoundError(FileNotFoundError):
    """A test set that is not on this machine."""


def available(folder: str) -> bool:
    """Whether a set is on this machine.

    Examples
    --------
    >>> available("no such set")
    False
    """
    root = os.environ.get(FOLDER)
    return bool(root) and (Path(str(root)) / folder).is_dir()


def data_file(folder: str, name: str, home: str) -> Path:
    """The path of a file of a test set; an error says where the set comes from.

    Parameters
    ----------
    folder, name : str
        The set's folder in the one that ``OPTLIB_DATA`` names, and the file in it.
    home : str
        Where the set is published.

    Raises
    ------
    DataNotFoundError
    """
    root = os.environ.get(FOLDER)
    if not root:
        raise DataNotFoundError(
            f"{FOLDER}: found no such environment variable, needed one that names a folder with "
            f"{folder}/{name} (published at {home})"
        )
    path = Path(root) / folder / name
    if not path.is_file():
        raise DataNotFoundError(
            f"{FOLDER}: found {root} without {folder}/{name}, needed that file (published at "
            f"{home})"
        )
    return path
