"""Numba kernels whose compiled code is kept on disk, and is never older than its source.

Numba looks at the file of the kernel alone. A kernel calls functions of its whole folder, so here
a change of any file there compiles it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import IndexDataCacheFile

HERE = Path(__file__).parent
_njit: Any = njit


def kernel(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit(cache=True, **options)``, compiled anew when a file beside it has changed."""

    def compiled(function: Callable[..., Any]) -> Any:
        made = _njit(cache=True, **options)(function)
        folder = Path(function.__code__.co_filename).parent
        kept = made._cache
        if hasattr(kept, "_cache_file"):
            kept._cache_file = IndexDataCacheFile(
                kept._cache_path, kept._impl.filename_base, stamp(folder)
            )
        return made

    return compiled


def inner(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """A compiled function that only kernels call: nothing of it is kept, nor seen by Python."""
    made = _njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)
    return made if function is None else made(function)


@cache
def stamp(folder: Path) -> str:
    """The names, sizes and times of a folder's files, and of the shared ones here, as one word."""
    files = sorted({*folder.glob("*.py"), *HERE.glob("*.py")})
    facts = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr(facts).encode()).hexdigest()
