"""What is wrong with a configuration: every fault at once, one line each."""

from __future__ import annotations


class SettingsError(Exception):
    """The configuration cannot be used; `lines` say for each fault where it stands and what is expected there."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
