from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from p2pchain.bench.errors import BadOption, NotMeasured
from p2pchain.bench.progress import Progress, Silent
from p2pchain.bench.result import Curve, Result, Series
from p2pchain.cli.benching.running import run_bench
from p2pchain.cli.benching.showing import lines_of
from p2pchain.cli.benching.signals import ended_by_signals, held_signals
from p2pchain.cli.failures import Failure
from p2pchain.cli.program import program


def result(**changes: object) -> Result:
    curve = Curve("t", "x", "y", [Series("l", [(0, 0), (1, 1)])])
    fields: dict[str, object] = {"figures": {"a_second": 12_345.0, "nothing": None}, "limit": {"what": "all"}, "share_of_limit": 0.253}
    return Result(name="name", measured="how", rows=({"x": 1, "y": 2},), curve=curve, **(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["verify", "--seconds", "0"], "--seconds"),
        (["verify", "--seed", "-1"], "--seed"),
        (["import", "--accounts", "1"], "--accounts"),
        (["import", "--blocks", "0"], "--blocks"),
        (["import", "--plot", "picture.png"], "--plot"),
        (["import", "--plot", "no/such/folder/p.svg"], "--plot"),
        (["testnet", "--delegates", "102"], "--delegates"),
        (["testnet", "--rate", "0"], "--rate"),
        (["testnet", "--rate", "5", "--hold", "10"], "--hold"),
        (["testnet", "--slot-ms", "1"], "--slot-ms"),
        (["latency", "--capacity", "x"], "--capacity"),
        (["sync", "--peers", "0"], "--peers"),
        (["api", "--transactions", "0"], "--transactions"),
        (["rest", "--seconds", "-1"], "--seconds"),
        (["scale", "--delegates", "0"], "--delegates"),
        (["guard", "--against", "no-such-file.json"], "--against"),
        (["nothing"], "nothing"),
    ],
)
def test_an_option_that_cannot_be_used_is_named_with_status_2(words: list[str], option: str) -> None:
    found = CliRunner().invoke(program, ["bench", *words])
    assert found.exit_code == 2, found.output
    assert option in found.output


def test_what_was_not_measured_ends_with_its_reason_and_no_figure(capsys: pytest.CaptureFixture[str]) -> None:
    def measure(_progress: Progress) -> Result:
        raise NotMeasured("the client was late")

    with pytest.raises(Failure, match="not measured: the client was late") as caught:
        run_bench(measure, as_json=True)
    assert caught.value.exit_code == 1
    assert capsys.readouterr().out == ""


def test_options_that_do_not_go_together_are_wrong_use() -> None:
    def measure(_progress: Progress) -> Result:
        raise BadOption("--x", "found 1, wanted 2")

    with pytest.raises(Failure, match="--x: found 1, wanted 2") as caught:
        run_bench(measure, as_json=False)
    assert caught.value.exit_code == 2


def test_json_has_the_promised_names_and_progress_stays_out_of_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def measure(progress: Progress) -> Result:
        progress.begin("working", 2)
        progress.advance()
        return result()

    run_bench(measure, as_json=True, plot=tmp_path / "curve.svg")
    out, err = capsys.readouterr()
    assert {"name", "figures", "limit", "share_of_limit", "machine", "commit"} <= set(json.loads(out))
    assert "working" in err
    assert (tmp_path / "curve.svg").read_text().startswith("<svg ")


def test_the_table_says_figures_limit_share_machine_and_seed() -> None:
    text = "\n".join(lines_of(result(seed=7)))
    for words in ("name: how", "a second  12,345", "reached 25%", "processor", "load before", "seed", "nothing   -"):
        assert words in text


def test_a_table_shows_the_columns_that_it_has_room_for() -> None:
    assert "x\n1" in "\n".join(lines_of(result(columns=("x",))))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_ends_a_benchmark_also_where_the_shell_had_ctrl_c_ignored(number: signal.Signals) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), ended_by_signals():
            os.kill(os.getpid(), number)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN, "as it was before"
    finally:
        signal.signal(signal.SIGINT, before)


def test_no_signal_disturbs_who_clears_up() -> None:
    with ended_by_signals(), held_signals():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)


def test_silence_is_a_progress_too() -> None:
    shown: Progress = Silent()
    shown.begin("x", 1)
    shown.advance()
