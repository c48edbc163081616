import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog
from structlog.typing import EventDict

from p2pchain.log import RateLimit, configure_logging, redact_secrets


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def untouched_structlog() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def passes(limit: RateLimit, event: EventDict) -> EventDict | None:
    try:
        return dict(limit(None, "info", event))
    except structlog.DropEvent:
        return None


def test_each_event_is_one_json_object_a_line_with_time_in_utc_and_level() -> None:
    stream = io.StringIO()
    configure_logging("json", "info", stream)
    log = structlog.get_logger()
    log.info("block final", height=7, hash=b"\x01\xff")
    log.warning("peer lost", reason="two\nlines")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["event"], first["level"], first["height"], first["hash"]) == ("block final", "info", 7, "01ff")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", first["timestamp"])
    assert second["reason"] == "two\nlines"


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    configure_logging("json", "warning", stream)
    structlog.get_logger().info("quiet")
    structlog.get_logger().error("loud")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud"]


def test_auto_is_json_for_the_journal_and_coloured_text_on_a_terminal() -> None:
    journal, terminal = io.StringIO(), Terminal()
    configure_logging("auto", "info", journal)
    structlog.get_logger().info("started")
    configure_logging("auto", "info", terminal)
    structlog.get_logger().info("started")
    assert json.loads(journal.getvalue())["event"] == "started"
    assert "\x1b[" in terminal.getvalue()


def test_console_off_a_terminal_has_no_colour_codes() -> None:
    stream = io.StringIO()
    configure_logging("console", "info", stream)
    structlog.get_logger().info("started", height=7)
    assert "\x1b" not in stream.getvalue()
    assert "height=7" in stream.getvalue()


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_is_written_without_the_values_of_variables(log_format: str) -> None:
    stream = io.StringIO()
    configure_logging(log_format, "info", stream)
    hidden_phrase = "correct-" + "horse"
    try:
        int(hidden_phrase[:0])
    except ValueError:
        structlog.get_logger().exception("broken")
    assert "ValueError" in stream.getvalue()
    assert "correct-horse" not in stream.getvalue()


def test_a_secret_under_a_telling_key_is_never_written() -> None:
    stream = io.StringIO()
    configure_logging("json", "info", stream)
    structlog.get_logger().info(
        "loaded", passphrase="p1", key_seed=b"p2", config={"secretKey": "p3", "list": [{"SEED": "p4"}]}, name="delegate"
    )
    assert not re.search(r"p[1-4]", stream.getvalue())
    event = json.loads(stream.getvalue())
    assert event["config"] == {"secretKey": "[redacted]", "list": [{"SEED": "[redacted]"}]}
    assert event["name"] == "delegate"


def test_seed_nodes_are_no_secret_and_neither_is_an_empty_value() -> None:
    event = redact_secrets(None, "info", {"event": "seed asked", "seeds": ["a.example:1"], "passphrase_file": ""})
    assert event == {"event": "seed asked", "seeds": ["a.example:1"], "passphrase_file": ""}


def test_a_value_that_contains_itself_ends() -> None:
    endless: dict[str, object] = {}
    endless["again"] = endless
    assert "[too deep]" in str(redact_secrets(None, "info", {"event": "x", "value": endless}))


def test_a_repeated_event_is_limited_and_the_count_of_the_dropped_is_told() -> None:
    clock = Clock()
    limit = RateLimit(burst_of_peer=2, window_s=10, clock=clock)
    passed = [passes(limit, {"event": "bad frame", "peer": "a"}) for _ in range(5)]
    assert passed[1:] == [{"event": "bad frame", "peer": "a"}, None, None, None]
    clock.now += 10
    assert passes(limit, {"event": "bad frame", "peer": "a"}) == {"event": "bad frame", "peer": "a", "suppressed": 3}
    assert passes(limit, {"event": "bad frame", "peer": "a"}) == {"event": "bad frame", "peer": "a"}


def test_the_limit_counts_each_event_and_each_peer_for_itself() -> None:
    limit = RateLimit(burst_of_peer=1, window_s=10, clock=Clock())
    assert passes(limit, {"event": "bad frame", "peer": "a"})
    assert not passes(limit, {"event": "bad frame", "peer": "a"})
    assert passes(limit, {"event": "bad frame", "peer": "b"})
    assert passes(limit, {"event": "peer lost", "peer": "a"})


def test_what_the_node_does_by_itself_has_a_limit_of_its_own() -> None:
    limit = RateLimit(burst_of_peer=1, burst_of_node=3, window_s=10, clock=Clock())
    assert [passes(limit, {"event": "block final"}) is not None for _ in range(5)] == [True, True, True, False, False]


def test_the_table_of_the_limit_is_bounded() -> None:
    limit = RateLimit(burst_of_peer=1, window_s=10, table_max=3, clock=Clock())
    for peer in range(100):
        passes(limit, {"event": "bad frame", "peer": peer})
    assert len(limit._windows) == 3


def test_importing_the_module_leaves_structlog_alone() -> None:
    program = "import p2pchain.log, structlog; raise SystemExit(structlog.is_configured())"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
