"""Whether this machine lets us make networks, and if not, why not, in words for whoever reads that a test was skipped."""

import functools
import os
import shutil
import subprocess

PROBE = f"p2pchain-probe-{os.getpid()}"


@functools.cache
def why_no_namespaces() -> str | None:
    """None where network namespaces with links between them can be made."""
    if os.geteuid() != 0:
        return f"network namespaces need root, this is user {os.geteuid()}"
    if shutil.which("ip") is None:
        return "there is no 'ip' (package iproute2)"
    try:
        steps = (["ip", "netns", "add", PROBE], ["ip", "-n", PROBE, "link", "add", "one", "type", "veth", "peer", "name", "two"])
        return next((found for step in steps if (found := _why_not(step)) is not None), None) or _why_no_bridge()
    finally:
        subprocess.run(["ip", "netns", "del", PROBE], capture_output=True, check=False)


@functools.cache
def why_no_filters() -> str | None:
    """None where packets can be dropped and addresses translated."""
    if (found := why_no_namespaces()) is not None:
        return found
    if shutil.which("nft") is None:
        return "there is no 'nft' (package nftables)"
    name = f"{PROBE}-nft"
    try:
        return _why_not(["ip", "netns", "add", name]) or _why_not(["ip", "netns", "exec", name, "nft", "add", "table", "inet", "probe"])
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _why_no_bridge() -> str | None:
    return _why_not(["ip", "-n", PROBE, "link", "add", "bridge", "type", "bridge"])


def _why_not(command: list[str]) -> str | None:
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if found.returncode == 0 else f"'{' '.join(command[:3])} ...' failed: {found.stderr.strip()}"
