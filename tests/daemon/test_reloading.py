"""Reading the configuration again: all of it or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog

from p2pchain.api.ports import BadConfigError
from p2pchain.config import Config, Home, load_config
from p2pchain.daemon.reloading import Knobs
from p2pchain.log import configure_logging


class Running:
    """A node of which there is only its configuration."""

    def __init__(self, home: Path, stream: StringIO) -> None:
        self.home = Home(home)
        self.home.create()
        self._stream = stream
        self.write("")
        self.applied: list[Config] = []
        config = load_config(home)
        configure_logging("json", config.log.level, stream)
        self.knobs = Knobs(config, self.applied.append, structlog.get_logger(), stream, lambda: load_config(home))

    def write(self, text: str) -> None:
        self.home.config_file.write_text(text)

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    yield Running(tmp_path, StringIO())
    structlog.reset_defaults()


def test_a_reload_applies_what_is_live_and_names_what_waits(running: Running) -> None:
    running.write('[p2p]\nseeds = ["a.example:1"]\nlisten = "0.0.0.0:1"\n')
    answer = running.knobs.reload()
    assert answer.changed == {"p2p.seeds": ((), ("a.example:1",))}
    assert answer.waiting == {"p2p.listen": ("0.0.0.0:28656", "0.0.0.0:1")}
    assert "p2p.seeds" not in answer.unchanged
    assert "p2p.exchange" in answer.unchanged
    (applied,) = running.applied
    assert (applied.p2p.seeds, applied.p2p.listen) == (("a.example:1",), "0.0.0.0:28656")
    assert running.knobs.reload().waiting == answer.waiting, "it waits until the next start, and is told each time"
    assert running.knobs.reload().changed == {}


def test_a_wrong_file_changes_nothing_and_all_its_mistakes_are_told(running: Running) -> None:
    running.write('[p2p]\nseeds = ["a.example:1"]\npeers_in_max = -1\n[log]\nlevl = "debug"\n')
    before = running.knobs.running
    with pytest.raises(BadConfigError, match="nothing has changed") as caught:
        running.knobs.reload()
    assert [(problem.key, problem.source.rpartition(":")[2]) for problem in caught.value.problems] == [
        ("p2p.peers_in_max", "3"),
        ("log.levl", "5"),
    ]
    assert 'did you mean "log.level"?' in caught.value.problems[1].wanted
    assert (running.applied, running.knobs.running) == ([], before)
    (told,) = running.logged()
    assert told["event"] == "configuration not reloaded"
    assert len(told["problems"]) == 2


def test_a_file_that_is_gone_is_a_mistake_and_not_a_wish_for_the_defaults(running: Running) -> None:
    running.write('[p2p]\nseeds = ["a.example:1"]\n')
    running.knobs.reload()
    running.home.config_file.unlink()
    with pytest.raises(BadConfigError, match="the file that was there at the start"):
        running.knobs.reload()
    assert running.knobs.running.p2p.seeds == ("a.example:1",)


def test_the_level_of_a_logger_that_exists_changes_at_once_by_file_and_by_hand(running: Running) -> None:
    logger = structlog.get_logger()
    logger.debug("unheard")
    running.write('[log]\nlevel = "debug"\n')
    running.knobs.reload()
    logger.debug("heard")
    running.knobs.set_log_level("error")
    logger.warning("unheard too")
    assert running.knobs.reload().changed == {"log.level": ("error", "debug")}, "by hand holds until the next reload"
    logger.debug("heard again")
    assert [line["event"] for line in running.logged()] == ["configuration reloaded", "heard", "configuration reloaded", "heard again"]
