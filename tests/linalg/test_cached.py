"""Compiled code is kept, and never older than what it was compiled from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

KERNEL = """
from optlib.linalg.cached import inner, kernel
from part import factor

@kernel()
def scaled(x):
    return factor(x) + 1.0
"""

PART = """
from optlib.linalg.cached import inner

@inner
def factor(x):
    return {factor} * x
"""

CALL = """
from whole import scaled
print(scaled(2.0), sum(scaled.stats.cache_hits.values()))
"""


def test_a_change_beside_the_kernel_compiles_it_anew(tmp_path: Path) -> None:
    def run() -> list[float]:
        command = [sys.executable, "-c", CALL]
        out = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return [float(word) for word in out.stdout.split()]

    (tmp_path / "whole.py").write_text(KERNEL)
    (tmp_path / "part.py").write_text(PART.format(factor=10.0))
    assert run() == [21.0, 0.0]
    assert run() == [21.0, 1.0]
    (tmp_path / "part.py").write_text(PART.format(factor=100.0))
    assert run() == [201.0, 0.0]
