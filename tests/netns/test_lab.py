import os
import subprocess
from pathlib import Path

import pytest

from tests.netns.abilities import why_no_filters, why_no_namespaces
from tests.netns.lab import PREFIX, Lab, Machine, remove_leftovers
from tests.netns.space import Space, run

pytestmark = pytest.mark.e2e


def reaches(machine: Machine, address: str) -> bool:
    """By one packet there and one back."""
    code = (
        "import socket,sys; s=socket.socket(); s.settimeout(0.5)\n"
        "try: s.connect((sys.argv[1], 9))\n"
        "except ConnectionRefusedError: print('there')\n"
        "except OSError: print('gone')"
    )
    return machine.run("python3", "-c", code, address).strip() == "there"


def test_machines_reach_each_other_until_one_hears_nothing_from_the_other(lab: Lab) -> None:
    one, two = lab.add_machine("one"), lab.add_machine("two")
    assert reaches(one, two.address)
    two.drop_from(one)
    assert not reaches(one, two.address)
    lab.heal()
    assert reaches(one, two.address)
    one.unplug()
    assert not reaches(one, two.address)
    one.plug_in()
    assert reaches(two, one.address)


def test_who_is_behind_a_router_reaches_all_and_is_reached_by_none(lab: Lab) -> None:
    other, router = lab.add_machine("other"), lab.add_machine("router")
    inner = lab.add_behind(router, "inner")
    assert reaches(inner, other.address)
    assert not reaches(other, inner.address)


def test_nothing_is_left_of_a_lab_nor_of_one_whose_process_was_killed(machines_allowed: None, tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    left = Space(f"{PREFIX}{gone.pid}-0-left")
    left.etc.mkdir(parents=True)
    found = Lab(tmp_path)
    found.add_machine("one")
    names = run("ip", "netns", "list")
    assert left.name not in names
    assert not left.etc.exists()
    assert f"{PREFIX}{os.getpid()}-" in names
    found.close()
    assert f"{PREFIX}{os.getpid()}-" not in run("ip", "netns", "list")
    remove_leftovers()


def test_why_a_lab_cannot_be_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    if os.geteuid() == 0:
        assert why_no_namespaces.__wrapped__() == "there is no 'ip' (package iproute2)"
        monkeypatch.undo()
        monkeypatch.setattr("shutil.which", lambda name: None if name == "nft" else f"/usr/sbin/{name}")
        assert why_no_filters.__wrapped__() in ("there is no 'nft' (package nftables)", why_no_namespaces())
    else:
        assert "network namespaces need root" in str(why_no_namespaces.__wrapped__())
