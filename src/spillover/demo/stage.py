"""Where the demonstration is told: numbered acts, each with a line of explanation."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text


class Stage:
    """Where the story is told: numbered acts, each with a line of explanation."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._act = 0

    def act(self, title: str, explanation: str) -> None:
        """Begin the next act."""
        self._act += 1
        self.console.print()
        self.console.rule(Text(f"{self._act}  {title}", "bold"), align="left", style="bright_black")
        self.console.print(Text(explanation, "italic"))
        self.console.print()
