"""Where values come from, and which of them a running node takes up."""

from dataclasses import replace
from pathlib import Path

from p2pchain.config import Config, Home, load_traced
from p2pchain.config.live import LIVE, Change, changes_between, taken_up, value_at
from p2pchain.config.reference import render_reference
from p2pchain.config.sections import KEYS, SECTIONS, Key

REPOSITORY = Path(__file__).parent.parent.parent
RUNNING = Config(Home(Path("/home")))


def other_value(key: Key) -> object:
    """One that the key may have, and not its default."""
    if isinstance(key.default, bool):
        return not key.default
    if isinstance(key.default, int):
        return key.kind.check(key.default + 1)
    if isinstance(key.default, tuple):
        each = {"p2p.seeds": "a.example:1", "p2p.persistent_peers": "a.example:1", "api.cors_origins": "https://a.example"}
        return key.kind.check([each.get(key.path, "0a" * 32)])
    return "observer" if key.path == "node.role" else {"log.level": "debug", "log.format": "json"}.get(key.path, "localhost:1")


def with_value(config: Config, key: Key, value: object) -> Config:
    section = replace(getattr(config, key.section), **{key.name: value})
    return replace(config, **{key.section: section})


def test_each_source_is_named_as_the_origin_of_what_it_sets(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    home.config_file.write_text("[p2p]\n\npeers_in_max = 1\npeers_out_max = 1\nbackoff_max_ms = 3000\n")
    environ = {"P2PCHAIN_P2P_PEERS_OUT_MAX": "2", "P2PCHAIN_P2P_BACKOFF_MAX_MS": "4000"}
    places = load_traced(tmp_path, environ, {"p2p.backoff_max_ms": "5000"}).places
    assert places["p2p.listen"] == ("default", "default")
    assert places["p2p.peers_in_max"] == ("file", f"{home.config_file}:3")
    assert places["p2p.peers_out_max"] == ("environment", "environment variable P2PCHAIN_P2P_PEERS_OUT_MAX")
    assert places["p2p.backoff_max_ms"] == ("flag", "flag")
    assert set(places) == set(KEYS)


def test_every_key_can_be_set_by_its_variable(tmp_path: Path) -> None:
    for key in KEYS.values():
        value = other_value(key)
        text = ",".join(value) if isinstance(value, tuple) else str(value)
        if key.path == "delegate.key":
            text = value = "other"
        if key.path == "mempool.per_account_max":
            text, value = "7", 7
        found = load_traced(tmp_path, {key.variable: text})
        assert (value_at(found.config, key.path), found.places[key.path].origin) == (value, "environment"), key.path


def test_what_differs_is_found_key_by_key() -> None:
    assert changes_between(RUNNING, RUNNING) == []
    for key in KEYS.values():
        found = with_value(RUNNING, key, other_value(key))
        assert changes_between(RUNNING, found) == [Change(key.path, key.default, other_value(key))]


def test_a_reload_takes_up_what_is_live_and_nothing_else() -> None:
    found = RUNNING
    for key in KEYS.values():
        found = with_value(found, key, other_value(key))
    after = taken_up(RUNNING, found)
    assert {path for path in KEYS if value_at(after, path) == value_at(found, path)} == set(LIVE)
    assert {change.path for change in changes_between(after, found)} == KEYS.keys() - LIVE.keys()
    assert not any(change.is_live for change in changes_between(after, found))


def test_what_belongs_to_open_sockets_stores_and_keys_is_not_live() -> None:
    assert not LIVE.keys() & {"node.role", "p2p.listen", "api.listen", "storage.path", "storage.bytes_max", "delegate.key"}


def test_the_reference_in_the_repository_is_what_is_rendered() -> None:
    found = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert found == render_reference(), (
        "docs/configuration.md has drifted; write it anew: .venv/bin/python -m p2pchain.config.reference > docs/configuration.md"
    )


def test_the_reference_names_every_section_and_key_and_marks_the_live_ones() -> None:
    text = render_reference()
    assert all(f"\n## [{section}]\n" in text for section in SECTIONS)
    assert all(f"\n### {path}\n" in text for path in KEYS)
    assert text.count("- taken up: *live*: ") == len(LIVE)
    assert text.count("- taken up: at the next start\n") == len(KEYS) - len(LIVE)
