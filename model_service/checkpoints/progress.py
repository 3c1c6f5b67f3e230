"""One line on stderr that says how far a long run over bytes is."""

import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

EVERY_SECONDS = 0.5
EVERY_SECONDS_IN_A_LOG = 30.0


@dataclass
class Progress:
    """Counts bytes up to total_bytes; on a terminal the line renews itself, elsewhere a line comes twice a minute."""

    label: str
    total_bytes: int
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    done_bytes: int = 0
    skipped_bytes: int = 0  # done by an earlier run; says nothing about the speed of this one
    _began: float = field(default_factory=time.monotonic)
    _shown: float = field(default_factory=time.monotonic)

    def skip(self, count: int) -> None:
        """Count bytes that were there already."""
        self.skipped_bytes += count
        self.advance(count)

    def advance(self, count: int) -> None:
        """Count bytes, and show them now and then."""
        self.done_bytes += count
        every = EVERY_SECONDS if self.stream.isatty() else EVERY_SECONDS_IN_A_LOG
        if time.monotonic() - self._shown >= every:
            self._show("\r\033[K" if self.stream.isatty() else "", "" if self.stream.isatty() else "\n")

    def finish(self) -> None:
        """The last line, with the whole run's speed."""
        self._show("\r\033[K" if self.stream.isatty() else "", "\n")

    def line(self) -> str:
        """`quantize  41.2 of 957.2 GB  4%  0.85 GB/s  18 min left`."""
        seconds = max(time.monotonic() - self._began, 1e-9)
        speed = (self.done_bytes - self.skipped_bytes) / seconds
        left = f"{(self.total_bytes - self.done_bytes) / speed / 60:.0f} min left" if speed else "starting"
        share = self.done_bytes / self.total_bytes if self.total_bytes else 1.0
        done, total = self.done_bytes / 1e9, self.total_bytes / 1e9
        return f"{self.label}  {done:.1f} of {total:.1f} GB  {share:.0%}  {speed / 1e9:.2f} GB/s  {left}"

    def _show(self, before: str, after: str) -> None:
        self._shown = time.monotonic()
        self.stream.write(before + self.line() + after)
        self.stream.flush()
