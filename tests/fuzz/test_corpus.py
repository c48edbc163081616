"""The corpus in the repository, replayed without atheris; and the harness itself, which must object when it should."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path
from random import Random

import pytest

from p2pchain.chain import codec, votes
from p2pchain.chain.codec import encode
from p2pchain.chain.errors import Invalid
from p2pchain.node import engine as node_engine
from p2pchain.wire import handshake
from p2pchain.wire.messages import MESSAGES, Ping
from tests.fuzz import __main__ as command
from tests.fuzz import claims, corpus, engine
from tests.fuzz.bombs import BOMBS
from tests.fuzz.findings import Finding, keep
from tests.fuzz.mutation.formats import mutate_msgpack
from tests.fuzz.registry import TARGETS, find
from tests.fuzz.target import Target

SLOW = {"engine", "bundle", "conversation", "config", "recovery", "client-genesis"}
BUFFERS_BYTES = 4_000_000
"""The buffers of msgpack, 1 MiB a decoding, of which several live at once where arrays stand in byte strings; and what is cached once."""

each = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


# --- the corpus


@each
def test_what_reached_something_once_is_borne_again(target: Target) -> None:
    for data in [*target.seeds(), *corpus.load(target)]:
        engine.execute(target, data)


@each
def test_a_few_changes_more_are_borne_too(target: Target) -> None:
    runs = 30 if target.name in SLOW else 150
    inputs = len([*target.seeds(), *corpus.load(target)])
    engine.fuzz(target, runs=inputs + runs, seconds=60, seed=7, corpus=corpus.load(target))


@each
def test_no_input_of_a_few_kilobytes_takes_more_than_some_megabytes(target: Target) -> None:
    inputs = sorted([*target.seeds(), *corpus.load(target)], key=len)[-3:]
    for data in inputs:
        target.check(data)  # fills what is cached
        tracemalloc.start()
        try:
            target.check(data)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak <= 64 * len(data) + BUFFERS_BYTES, f"{peak} bytes for {len(data)}"


ACCEPTED = re.compile(
    r"accepted|convicts|messages|secure|believed|agreed|heard|records|a place|transactions|progress|values|an open key|items|final"
)


@each
def test_what_a_target_begins_with_is_accepted_so_that_its_claim_is_not_an_empty_one(target: Target) -> None:
    words = [target.check(data) for data in target.seeds()]
    assert any(ACCEPTED.search(word) and not word.startswith(("0", "bad_", "malformed")) for word in words), words


def test_the_stateful_targets_get_deep() -> None:
    finals = [find("engine").check(data) for data in find("engine").seeds()]
    assert any(word.startswith("final 5") for word in finals), finals
    assert any("contradictions 2" in word for word in finals), finals
    heard = [find("conversation").check(data) for data in find("conversation").seeds()]
    assert any(word.startswith("3 heard") for word in heard), heard


def test_what_is_refused_leaves_no_memory_behind() -> None:
    """Older releases of msgpack kept the arrays of a decoding that failed."""
    targets = [find(name) for name in ("codec", "byte-strings", "transaction", "certificate")]

    def refuse_all() -> None:
        for target in targets:
            for bomb in BOMBS:
                target.check(bomb)

    refuse_all()
    tracemalloc.start()
    try:
        refuse_all()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(5):
            refuse_all()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 20_000


def test_the_corpus_stays_small_and_belongs_to_targets_that_there_are() -> None:
    folders = [folder for folder in corpus.FOLDER.iterdir() if folder.is_dir()]
    assert {folder.name for folder in folders} <= {target.name for target in TARGETS}
    sizes = [path.stat().st_size for folder in folders for path in folder.iterdir()]
    assert sum(sizes) < 300_000
    assert all(len(list(folder.iterdir())) <= corpus.FILES_MAX for folder in folders)


def test_there_is_a_target_for_each_message_of_the_wire_and_names_are_used_once() -> None:
    names = [target.name for target in TARGETS]
    assert len(set(names)) == len(names)
    assert sum(name.startswith("message-") for name in names) == len(MESSAGES)
    for message in MESSAGES:
        wanted = message.__name__.removesuffix("Message").lower()
        assert any(name.replace("-", "") == f"message{wanted}" for name in names)


# --- the harness objects


def broken(check: str) -> Target:
    """Targets whose claim does not hold."""

    def crash(data: bytes) -> str:
        return str(data[1_000])

    def lax(data: bytes) -> str:
        return f"{claims.is_canonical(encode(tuple(data)), data)}"

    def slow(data: bytes) -> str:
        return str(sum(range(10**6)) + len(data))

    checks = {"crash": crash, "lax": lax, "slow": slow}
    return Target(check, "nothing", checks[check], lambda: [b"seed"], cpu_s_max=0.001)


@pytest.mark.parametrize("check", ["crash", "lax", "slow"])
def test_an_error_another_encoding_or_a_slow_answer_is_a_finding(check: str) -> None:
    with pytest.raises(Finding) as found:
        engine.fuzz(broken(check), runs=10, seconds=60, seed=1)
    assert found.value.data == b"seed"
    assert {"crash": "IndexError", "lax": "which encodes as", "slow": "s of CPU"}[check] in str(found.value)


@pytest.mark.parametrize("text", ["", "two lines, one wanted\n", "x" * 301 + " wanted", "bad"])
def test_a_refusal_without_words_is_a_finding(text: str) -> None:
    with pytest.raises(AssertionError):
        claims.told(ValueError(text))
    assert claims.told(ValueError("ping is 17, 1 to 2 wanted")) == "ping is #, # to # wanted"


def test_a_finding_is_kept_with_the_command_that_repeats_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = keep(Finding("message-ping", b"\x91\x01", ValueError("no")), tmp_path)
    words = line.split()
    assert words[:4] == ["python", "-m", "tests.fuzz", "message-ping"]
    assert command.main(words[3:]) == 0, "it was no finding, so repeating it finds none"
    assert "accepted" in capsys.readouterr().out


def test_the_plain_engine_finds_an_error_that_takes_a_value_of_its_own() -> None:
    """A ping of one certain kind of token among all messages: changes by value get there, from a sample that is none."""

    def check(data: bytes) -> str:
        try:
            token = Ping.decode(data).token
        except Invalid as refusal:
            return claims.told(refusal)
        assert token < 2**62, "a large token"
        return "accepted"

    target = Target("large", "no token is large", check, lambda: [Ping(1).encode()], mutate_msgpack, 16)
    with pytest.raises(Finding, match="a large token"):
        engine.fuzz(target, runs=20_000, seconds=60, seed=1)


def test_a_run_is_repeated_by_its_seed() -> None:
    runs = [engine.fuzz(find("codec"), runs=500, seconds=60, seed=3) for _ in range(2)]
    assert runs[0].kept == runs[1].kept
    assert runs[0].executions == 500


@each
def test_changes_stay_within_the_size_of_a_target(target: Target) -> None:
    random, seeds = Random(5), list(target.seeds())
    for _ in range(40):
        data = target.mutate(random.choice(seeds), random, target.size_max)
        assert len(data) <= target.size_max


def test_the_corpus_is_made_of_the_smallest_inputs_that_reach_something(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target = find("message-ping")
    longer = b"\x91\xcd\x10\x00"
    kept = corpus.minimise(target, [b"\x91\xcc\xff", longer, b"\xff\xff", b"\xff"])
    assert longer not in kept, "a shorter one reaches the same"
    monkeypatch.setattr(corpus, "FOLDER", tmp_path)
    corpus.replace(target, kept)
    assert sorted(corpus.load(target)) == sorted(kept)


def test_the_command_lists_targets_and_fuzzes_without_atheris(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["list"]) == 0
    assert "message-hello" in capsys.readouterr().out
    assert command.main(["message-ping", "--engine", "plain", "--runs", "300", "--seconds", "60", "--corpus", str(tmp_path)]) == 0
    assert " 300 " in capsys.readouterr().out
    assert list((tmp_path / "message-ping").iterdir()), "what said something new is kept"
    with pytest.raises(SystemExit, match="found no target 'nothing', wanted one of: codec, "):
        command.main(["nothing", "--engine", "plain"])


# --- and it objects to rules that are dropped


@pytest.mark.parametrize(
    ("module", "name", "instead", "target", "words"),
    [
        (codec, "_require_canonical", lambda *_: None, "transaction", "which encodes as"),
        (codec, "_require_canonical", lambda *_: None, "ballot", "which encodes as"),
        (handshake, "is_valid_signature", lambda _: True, "proof", "another proof than the signed one is believed"),
        (node_engine, "WAITING_MAX", 10**9, "engine", "blocks that wait are bounded"),
        (votes, "pairwise", lambda _: (), "certificate", "which encodes as"),
    ],
)
def test_a_rule_that_is_dropped_is_found(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, instead: object, target: str, words: str
) -> None:
    monkeypatch.setattr(module, name, instead)
    with pytest.raises(Finding, match=words):
        engine.fuzz(find(target), runs=20_000, seconds=60, seed=1)
