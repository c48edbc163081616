import tomllib
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.config import (
    Config,
    ConfigError,
    Home,
    Problem,
    find_home,
    load_config,
    render_default_config,
    split_endpoint,
)
from p2pchain.config.kinds import UnfitError
from p2pchain.config.sections import KEYS, SECTIONS

REPOSITORY = Path(__file__).parent.parent


def write(home: Path, text: str) -> Path:
    layout = Home(home)
    layout.create()
    layout.config_file.write_text(text, encoding="utf-8")
    return layout.config_file


def problems_of(home: Path, environ: dict[str, str] | None = None, overrides: dict[str, object] | None = None) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load_config(home, environ, overrides)
    return caught.value.problems


def test_a_home_without_a_file_has_the_defaults(tmp_path: Path) -> None:
    config = load_config(tmp_path)
    assert config.p2p.listen == "0.0.0.0:28656"
    assert config.p2p.seeds == ()
    assert config.api.listen == "127.0.0.1:28657"
    assert config.mempool.transactions_max == 50_000
    assert config.storage.flush_blocks == 20
    assert config.data_path == tmp_path / "data"
    assert config.passphrase_file is None


def test_the_environment_overrides_the_file_and_flags_override_both(tmp_path: Path) -> None:
    write(tmp_path, '[p2p]\nlisten = "10.0.0.1:1"\npeers_in_max = 1\npeers_out_max = 1\nbackoff_max_ms = 3000\n')
    environ = {"P2PCHAIN_P2P_PEERS_IN_MAX": "2", "P2PCHAIN_P2P_PEERS_OUT_MAX": "2"}
    p2p = load_config(tmp_path, environ, {"p2p.peers_out_max": 3, "p2p.listen": "[::1]:3"}).p2p
    assert (p2p.backoff_max_ms, p2p.peers_in_max, p2p.peers_out_max, p2p.listen) == (3000, 2, 3, "[::1]:3")


def test_the_environment_gives_lists_separated_by_commas_and_truth_values(tmp_path: Path) -> None:
    environ = {"P2PCHAIN_P2P_SEEDS": "a.example:1, [::1]:2", "P2PCHAIN_API_ENABLED": "false"}
    config = load_config(tmp_path, environ)
    assert config.p2p.seeds == ("a.example:1", "[::1]:2")
    assert config.api.enabled is False
    assert load_config(tmp_path, {"P2PCHAIN_P2P_SEEDS": ""}).p2p.seeds == ()


def test_variables_of_others_and_of_the_command_line_are_left_alone(tmp_path: Path) -> None:
    environ = {"P2PCHAIN_HOME": "/x", "P2PCHAIN_NODE": "http://x", "P2PCHAIN_DEMO": "1", "PATH": "/bin"}
    assert load_config(tmp_path, environ) == load_config(tmp_path)


@pytest.mark.parametrize("variable", ["P2PCHAIN_P2P_LISTN", "P2PCHAIN_P2PP_LISTEN"])
def test_a_mistyped_variable_is_told_with_the_nearest_known_one(tmp_path: Path, variable: str) -> None:
    (problem,) = problems_of(tmp_path, {variable: "0.0.0.0:1"})
    assert problem.key == variable
    assert "P2PCHAIN_P2P_LISTEN" in problem.wanted


def test_every_mistake_of_every_source_is_told_at_once(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        '[p2p]\nlistn = "0.0.0.0:1"\n\npeers_in_max = -1\nseeds = ["a.example"]\n[apii]\n[log]\nlevel = "loud"\n',
    )
    problems = problems_of(tmp_path, {"P2PCHAIN_STORAGE_FLUSH_BLOCKS": "many"}, {"api.listen": "127.0.0.1:70000"})
    assert [(problem.source, problem.key) for problem in problems] == [
        (f"{file}:6", "apii"),
        (f"{file}:2", "p2p.listn"),
        (f"{file}:4", "p2p.peers_in_max"),
        (f"{file}:5", "p2p.seeds"),
        (f"{file}:8", "log.level"),
        ("environment variable P2PCHAIN_STORAGE_FLUSH_BLOCKS", "storage.flush_blocks"),
        ("flag", "api.listen"),
    ]
    assert 'did you mean "api"?' in problems[0].wanted
    assert 'did you mean "p2p.listen"?' in problems[1].wanted
    assert problems[2].found == "-1"
    assert problems[2].wanted == "a whole number from 0 to 1000"


def test_the_message_names_each_problem_and_the_next_step(tmp_path: Path) -> None:
    file = write(tmp_path, "[api]\nbody_bytes_max = 1\n")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)
    assert str(caught.value) == (
        "the configuration cannot be used:\n"
        f"  {file}:2: api.body_bytes_max: found 1, wanted a whole number from 1024 to 268435456\n"
        "Correct it, then run: p2pchain config check"
    )


def test_a_mistake_in_the_file_is_told_even_where_it_is_overridden(tmp_path: Path) -> None:
    write(tmp_path, '[log]\nlevel = "loud"\n')
    (problem,) = problems_of(tmp_path, {}, {"log.level": "info"})
    assert problem.found == "'loud'"


@pytest.mark.parametrize(
    "line",
    [
        'peers_in_max = "64"',
        "peers_in_max = 64.0",
        "peers_in_max = true",
        "listen = 28656",
        'listen = "0.0.0.0:65536"',
        'listen = "0.0.0.256:1"',
        'listen = "::1:28656"',
        'listen = "[::1"',
        'listen = "host name:1"',
        'listen = "-a.example:1"',
        'seeds = "a.example:1"',
        'seeds = ["a.example:0"]',
        "seeds = [1]",
        f'seeds = ["{"0a" * 31}@a.example:1"]',
        f'seeds = ["{"0g" * 32}@a.example:1"]',
        f'persistent_peers = ["{"0a" * 32}@{"0a" * 32}@a.example:1"]',
        'persistent_peers = ["@a.example:1"]',
        f'persistent_peers = ["{"0a" * 32}@"]',
        f'listen = "{"0a" * 32}@127.0.0.1:1"',
    ],
)
def test_a_value_of_another_kind_is_refused(tmp_path: Path, line: str) -> None:
    write(tmp_path, f"[p2p]\n{line}\n")
    (problem,) = problems_of(tmp_path)
    assert problem.key == f"p2p.{line.partition(' ')[0]}"


def test_peers_may_be_named_with_the_key_that_they_must_prove(tmp_path: Path) -> None:
    keyed = f"{'0a' * 32}@a.example:1"
    write(tmp_path, f'[p2p]\nseeds = ["{keyed}", "b.example:2"]\npersistent_peers = ["{"0A" * 32}@[::1]:3"]\n')
    config = load_config(tmp_path, {})
    assert config.p2p.seeds == (keyed, "b.example:2")
    assert config.p2p.persistent_peers == (f"{'0A' * 32}@[::1]:3",)
    assert load_config(tmp_path, {"P2PCHAIN_P2P_SEEDS": f"{keyed}, c:1"}).p2p.seeds == (keyed, "c:1")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("api.enabled", "yes"),
        ("p2p.peers_in_max", "6_4"),
        ("p2p.peers_in_max", "1" * 10_000),
        ("node.name", "a\nb"),
        ("node.name", "a" * 65),
        ("node.role", "king"),
        ("delegate.key", "../key"),
    ],
)
def test_a_text_that_does_not_fit_is_refused(tmp_path: Path, path: str, text: str) -> None:
    (problem,) = problems_of(tmp_path, {}, {path: text})
    assert (problem.source, problem.key) == ("flag", path)


def test_one_account_may_not_have_more_room_than_the_pool(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, {"P2PCHAIN_MEMPOOL_TRANSACTIONS_MAX": "100"})
    assert problem.key == "mempool.per_account_max"
    assert "100" in problem.wanted


def test_values_that_do_not_fit_together_are_told_where_they_were_set(tmp_path: Path) -> None:
    file = write(tmp_path, f'[p2p]\nlisten = "0.0.0.0:7"\npeers_in_max = 1\ndelegate_peers = ["{"0a" * 32}", "{"0b" * 32}"]\n')
    listen, places = sorted(problems_of(tmp_path, {"P2PCHAIN_API_LISTEN": "127.0.0.1:7"}), key=lambda problem: problem.key)
    assert (listen.key, listen.source) == ("api.listen", "environment variable P2PCHAIN_API_LISTEN")
    assert listen.wanted == "another port than p2p.listen, which is 0.0.0.0:7"
    assert (places.key, places.source) == ("p2p.delegate_peers", f"{file}:4")


@pytest.mark.parametrize("api", ["127.0.0.2:7", "127.0.0.1:8"])
def test_two_sockets_that_do_not_meet_are_well(tmp_path: Path, api: str) -> None:
    assert load_config(tmp_path, {}, {"p2p.listen": "127.0.0.1:7", "api.listen": api}).api.listen == api
    assert load_config(tmp_path, {}, {"p2p.listen": "127.0.0.1:0", "api.listen": "127.0.0.1:0"}).api.listen == "127.0.0.1:0"


def test_a_syntax_error_is_told_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, '[p2p]\nlisten = "a\n')
    (problem,) = problems_of(tmp_path)
    assert problem.source == f"{file}:2"
    assert problem.found.startswith("a syntax error")
    file.write_text("[p2p]\n\nlisten =", encoding="utf-8")
    assert problems_of(tmp_path)[0].source == f"{file}:3"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    file = write(tmp_path, "")
    file.write_bytes(b"# \xff\n")
    assert "UTF-8" in problems_of(tmp_path)[0].found
    file.unlink()
    file.mkdir()
    assert "cannot be read" in problems_of(tmp_path)[0].found


def test_a_section_that_is_no_table_is_told(tmp_path: Path) -> None:
    write(tmp_path, "p2p = 1\n")
    (problem,) = problems_of(tmp_path)
    assert (problem.found, problem.wanted) == ("1", "a section, [p2p]")


def test_relative_paths_start_at_the_home(tmp_path: Path) -> None:
    config = load_config(tmp_path, {}, {"storage.path": "chain", "delegate.passphrase_file": "/run/secret"})
    assert config.data_path == tmp_path / "chain"
    assert config.passphrase_file == Path("/run/secret")


def test_the_default_of_each_key_fits_its_kind_and_its_type() -> None:
    for key in KEYS.values():
        assert key.kind.check(key.default) == key.default, key.path
        hint = get_type_hints(type(SECTIONS[key.section]))[key.name]
        assert type(key.default) is (getattr(hint, "__origin__", None) or hint), key.path


def test_the_rendered_file_loads_to_the_defaults_and_names_every_key(tmp_path: Path) -> None:
    text = render_default_config()
    write(tmp_path, text)
    assert load_config(tmp_path) == Config(Home(tmp_path))
    assert {f"{section}.{name}" for section, table in tomllib.loads(text).items() for name in table} == set(KEYS)


def test_the_rendered_file_carries_the_values_given(tmp_path: Path) -> None:
    write(tmp_path, render_default_config(node_name='a "b"', p2p_seeds=["a.example:1", "b.example:2"], api_enabled=False))
    config = load_config(tmp_path)
    assert config.node.name == 'a "b"'
    assert config.p2p.seeds == ("a.example:1", "b.example:2")
    assert config.api.enabled is False


def test_a_value_that_could_not_be_loaded_again_is_not_rendered() -> None:
    with pytest.raises(ConfigError, match=r"p2p_lissten.*\n.*a whole number"):
        render_default_config(p2p_lissten="a.example:1", p2p_peers_in_max="4")


def test_the_example_in_the_repository_is_what_is_rendered() -> None:
    found = (REPOSITORY / "config" / "node.toml").read_text(encoding="utf-8")
    assert found == render_default_config(), (
        "config/node.toml has drifted; write it anew: .venv/bin/python -c"
        " 'from p2pchain.config import render_default_config as r; print(r(), end=\"\")' > config/node.toml"
    )


def test_a_new_home_keeps_keys_and_signing_to_its_owner(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "home")
    home.create()
    home.create()
    assert {path.stat().st_mode & 0o777 for path in (home.keys, home.signing)} == {0o700}
    assert home.data.is_dir()
    assert home.genesis_file.parent.is_dir()


def test_the_home_is_the_option_then_the_environment_then_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert find_home("/a", {"P2PCHAIN_HOME": "/b"}) == Path("/a")
    assert find_home(None, {"P2PCHAIN_HOME": "/b"}) == Path("/b")
    assert find_home(None, {}) == Path("/home/someone/.p2pchain")
    assert find_home("relative", {}).is_absolute()


def test_an_endpoint_is_split_into_host_and_port() -> None:
    assert split_endpoint("seed-1.example.org:28656") == ("seed-1.example.org", 28656)
    assert split_endpoint("[2001:db8::1]:1") == ("2001:db8::1", 1)


@given(st.text(max_size=40))
def test_any_text_either_splits_and_joins_to_itself_or_is_refused(text: str) -> None:
    try:
        host, port = split_endpoint(text)
    except UnfitError:
        return
    assert 0 <= port <= 65_535
    joined = f"[{host}]" if ":" in host else host
    assert text.rpartition(":")[0] == joined


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_file_loads_or_is_a_config_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    home = tmp_path_factory.mktemp("home")
    write(home, text)
    try:
        assert load_config(home).home == Home(home)
    except ConfigError as error:
        # no other error may come, and this one always says why
        if not error.problems:
            raise


@pytest.mark.parametrize("value", ["", "never", "node.example:1", "[2001:db8::1]:28656"])
def test_what_may_be_announced(tmp_path: Path, value: str) -> None:
    assert load_config(tmp_path, {}, {"p2p.announce": value}).p2p.announce == value


@pytest.mark.parametrize("value", ["always", "node.example", "node.example:0", 7, ["never"]])
def test_what_may_not_be_announced(tmp_path: Path, value: object) -> None:
    (problem,) = problems_of(tmp_path, {}, {"p2p.announce": value})
    assert problem.key == "p2p.announce"
    assert '"never"' in problem.wanted


def test_origins_are_those_that_a_browser_sends(tmp_path: Path) -> None:
    found = load_config(tmp_path, {"P2PCHAIN_API_CORS_ORIGINS": "https://a.example, http://[::1]:8080, *"}).api.cors_origins
    assert found == ("https://a.example", "http://[::1]:8080", "*")
    for wrong in ("https://a.example/", "a.example", "https://A.example", "ftp://a.example", "https://a.example:port", "**"):
        (problem,) = problems_of(tmp_path, {}, {"api.cors_origins": [wrong]})
        assert "without a path" in problem.wanted


def test_lists_of_node_keys_hold_node_keys_and_nothing_else(tmp_path: Path) -> None:
    key = "0a" * 32
    assert load_config(tmp_path, {"P2PCHAIN_P2P_ALLOWED_PEERS": f"{key}, {key}"}).p2p.allowed_peers == (key, key)
    for wrong in ([key[:-1]], [f"{key}@a.example:1"], [7], 7):
        (problem,) = problems_of(tmp_path, {}, {"p2p.delegate_peers": wrong})
        assert "64 hex digits" in problem.wanted
