"""Passphrases: asked on the terminal, or read from where the operator says."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from nacl.signing import SigningKey

from p2pchain.keystore import Keystore, MissingPassphraseError, read_passphrase

F = TypeVar("F", bound=Callable[..., Any])


def passphrase_file_option(verb: F) -> F:
    return click.option("--passphrase-file", type=click.Path(path_type=Path), help="A private file (0600) that holds the passphrase.")(verb)


def new_passphrase_options(verb: F) -> F:
    """For verbs that make keys: `is_open`, `passphrase_file`."""
    option = click.option("--open", "is_open", is_flag=True, help="Leave the key unsealed, for tests only.")
    return option(passphrase_file_option(verb))


def new_passphrase_source(file: Path | None, *, is_open: bool) -> Callable[[], str | None]:
    """Where the passphrase of a new key comes from: asked at most once, twice typed; None for an open key."""
    if is_open and file is not None:
        raise click.UsageError("--open and --passphrase-file contradict each other")
    answers: list[str] = []

    def ask() -> str | None:
        if is_open:
            return None
        if not answers:
            answers.append(read_passphrase(file, os.environ, lambda: _ask("Passphrase for the new key", confirm=True)))
        return answers[0]

    return ask


def load_key(keystore: Keystore, name_or_path: str, passphrase_file: Path | None) -> SigningKey:
    """The key; a passphrase is asked for only where the key is sealed."""
    try:
        return keystore.load(name_or_path, None)
    except MissingPassphraseError:
        passphrase = read_passphrase(passphrase_file, os.environ, lambda: _ask(f"Passphrase of {name_or_path}", confirm=False))
    return keystore.load(name_or_path, passphrase)


def _ask(text: str, *, confirm: bool) -> str:
    answer: str = click.prompt(text, hide_input=True, confirmation_prompt=confirm, err=True)
    return answer
