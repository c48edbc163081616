"""What worker processes are asked to do in tests: importable, as a spawned process needs it."""

import os
import signal


def answer(word: str) -> str:
    """Most words come back; some end the process, hang or raise."""
    if word == "die":
        os._exit(7)
    if word == "hang":
        signal.pause()
    if word == "raise":
        raise ValueError(word)
    return word.upper()


def die_for_seed_2(options: object) -> object:
    from p2pchain.cli.simulating.many import run_seed  # noqa: PLC0415  (in the worker only)
    from p2pchain.sim.options import Options  # noqa: PLC0415

    assert isinstance(options, Options)
    if options.seed == 2:
        os._exit(9)
    return run_seed(options)
