"""The units, judged by systemd itself."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from p2pchain.daemon import EXIT_PROTOCOL

UNITS = Path(__file__).parent.parent / "systemd"
EXPOSURE_MAX = 1.1

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        shutil.which("systemd-analyze") is None, reason="this machine has no systemd-analyze, and nothing else knows its rules"
    ),
]


@pytest.fixture(params=["p2pchain.service", "p2pchain@.service"])
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy whose executable exists: the checks look for it, and this machine need not have the node installed."""
    name = str(request.param)
    text = (UNITS / name).read_text(encoding="utf-8")
    assert text.count("ExecStart=/usr/bin/p2pchain run\n") == 1
    executable = tmp_path / "p2pchain"
    executable.write_text("#!/bin/sh\n", encoding="utf-8")
    executable.chmod(0o755)
    copy = tmp_path / name
    copy.write_text(text.replace("/usr/bin/p2pchain", str(executable)), encoding="utf-8")
    return copy


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, timeout=60, check=False)


def exposure_of(unit: Path) -> float:
    found = analyze("security", "--offline=true", str(unit))
    overall = re.search(r"Overall exposure level for \S+: ([0-9.]+)", found.stdout)
    assert overall is not None, f"found no exposure in: {found.stdout}{found.stderr}"
    return float(overall[1])


def test_systemd_has_nothing_to_say_against_the_unit(unit: Path) -> None:
    found = analyze("verify", str(unit))
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_systemd_would_object_to_a_mistake(unit: Path) -> None:
    unit.write_text(unit.read_text(encoding="utf-8").replace("ProtectSystem=", "ProtectSytem="), encoding="utf-8")
    assert "ProtectSytem" in analyze("verify", str(unit)).stderr


def test_the_sandbox_is_as_closed_as_the_unit_says(unit: Path) -> None:
    exposure = exposure_of(unit)
    assert exposure <= EXPOSURE_MAX
    assert f"Exposure: {exposure} by" in unit.read_text(encoding="utf-8")


def test_a_sandbox_with_a_hole_is_noticed(unit: Path) -> None:
    unit.write_text(unit.read_text(encoding="utf-8").replace("SystemCallFilter", "#SystemCallFilter"), encoding="utf-8")
    assert exposure_of(unit) > EXPOSURE_MAX


def test_both_units_have_the_same_sandbox() -> None:
    one, template = ((UNITS / name).read_text(encoding="utf-8") for name in ("p2pchain.service", "p2pchain@.service"))
    assert sandbox_of(one) == sandbox_of(template)
    assert "MemoryDenyWriteExecute=yes" in sandbox_of(one)


def sandbox_of(text: str) -> list[str]:
    of_the_instance = ("Environment=", "StateDirectory=", "RuntimeDirectory=", "#")
    service = text.partition("[Service]")[2].partition("[Install]")[0]
    return [line for line in service.splitlines() if line and not line.startswith(of_the_instance)]


def test_the_user_of_the_units_is_the_one_that_the_fragments_make() -> None:
    assert "User=p2pchain\n" in (UNITS / "p2pchain.service").read_text(encoding="utf-8")
    assert "\nu p2pchain - " in (UNITS / "p2pchain.sysusers").read_text(encoding="utf-8")
    assert "\nd /var/lib/p2pchain 0700 p2pchain p2pchain -" in (UNITS / "p2pchain.tmpfiles").read_text(encoding="utf-8")


def test_a_reload_waits_for_the_answer_of_the_node(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    assert re.findall(r"(?m)^ExecReload=.*/p2pchain config reload$", text)
    assert "kill -HUP" not in text, "a signal has no answer, and a wrong file would look like a good one"


def test_a_node_that_its_network_outgrew_is_left_stopped(unit: Path) -> None:
    assert f"\nRestartPreventExitStatus=2 {EXIT_PROTOCOL}\n" in unit.read_text(encoding="utf-8")
