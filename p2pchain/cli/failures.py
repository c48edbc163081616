"""Every error as words on standard error and an exit status; the one place where errors of the product are mapped.

1 means failed, 2 wrong use: mistakes in the configuration and the genesis included, which no second try mends.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

FAILED = 1
WRONG_USE = 2
# Named, not imported: most verbs need none of these modules, and an error that was raised has its module loaded.
_WRONG_USE_ERRORS = frozenset({"p2pchain.config.problems.ConfigError", "p2pchain.genesis_file.reading.GenesisFileError"})
_FAILURES = frozenset(
    {
        "p2pchain.client.errors.ClientError",
        "p2pchain.keystore.errors.KeystoreError",
        "p2pchain.chain.errors.Refusal",
        "p2pchain.chain.recovery.UnfitRecoveryError",
        "p2pchain.genesis_file.recoveries.RecoveryFileError",
        "p2pchain.storage.errors.StorageError",
        "p2pchain.care.signatures.WorkerLostError",
        "p2pchain.care.importing.ImportRefusedError",
        "p2pchain.care.exporting.ExportError",
    }
)


_BAD_ADDRESS = "bad_address"
"""An address that is none is a mistyped argument, whoever noticed it."""


class Failure(click.ClickException):
    """Ends the command with these words."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code: int = exit_code  # type: ignore[misc]  # click reads it from the instance

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"p2pchain: {self.format_message()}", file=file or sys.stderr)


@contextmanager
def told_in_a_line() -> Iterator[None]:
    """Turn any error into a `Failure`.  An unexpected one says where it comes from, in its line."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort, EOFError, KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:
        raise _failure_of(error) from error


def _failure_of(error: Exception) -> Failure:
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if kinds & _WRONG_USE_ERRORS:
        return Failure(str(error), WRONG_USE)
    if kinds & _FAILURES:
        return Failure(str(error), WRONG_USE if getattr(error, "code", None) == _BAD_ADDRESS else FAILED)
    if isinstance(error, OSError) and error.strerror:
        return Failure(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return Failure(f"unexpected {type(error).__name__} at {place.filename}:{place.lineno}: {error}; please report it")
