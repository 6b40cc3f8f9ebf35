"""The progress line of a long run."""

from __future__ import annotations

import time
from typing import Any


class Bar:
    """A rich progress bar with the objective and the residual, drawn at most ten times a second."""

    def __init__(self, label: str, limit: float) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f} steps"),
            TextColumn("f = {task.fields[fun]:.6g}"),
            TextColumn("residual {task.fields[residual]:.1e}"),
            TimeElapsedColumn(),
        )
        self._task = self._bar.add_task(label, total=limit, fun=float("nan"), residual=float("nan"))
        self._drawn = 0.0

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.refresh()
        self._bar.stop()

    def show(self, p: Any) -> None:
        """Show the progress of an accepted step."""
        now = time.perf_counter()
        if now - self._drawn > 0.1 or p.nit == 0 or p.code != -1:
            self._drawn = now
            self._bar.update(
                self._task, completed=int(p.nit), fun=float(p.fun), residual=float(p.residual)
            )
