"""Why a benchmark has no figure."""

from __future__ import annotations


class NotMeasured(Exception):  # noqa: N818 - no error of the program: a fact about this run
    """The run was not what it promised to be, so there is nothing to print; says what was found and what was wanted."""


class BadOption(ValueError):  # noqa: N818 - as click's words are
    """Options that do not go together: `option` says which word of the command is to blame."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(f"{option}: {message}")
        self.option = option
