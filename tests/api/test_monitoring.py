"""The dashboard and the alerts ask for nothing that `/metrics` does not have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pchain.node.effects import MissReason, SlotMissed
from tests.api.fakes import Node
from tests.fakes.chain import signer

MONITORING = Path(__file__).parents[2] / "config" / "monitoring"
METRIC = re.compile(r"(p2pchain_\w+)(?:\{([^}]*)\})?")
LABELS_OF_PROMETHEUS = {"instance", "job", "le"}


def panels() -> list[dict[str, object]]:
    found = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    assert isinstance(found, list)
    return found


def expressions_of_the_dashboard() -> Iterator[str]:
    for panel in panels():
        targets = panel["targets"]
        assert isinstance(targets, list)
        yield from (target["expr"] for target in targets)


def rules() -> list[dict[str, str]]:
    """The one shape of our file: keys with values on one line."""
    found: list[dict[str, str]] = []
    for line in (MONITORING / "alerts.yml").read_text().splitlines():
        key, _, value = line.strip().removeprefix("- ").partition(": ")
        if key == "alert":
            found.append({})
        if found and value:
            found[-1][key] = value.removeprefix("'").removesuffix("'").replace("''", "'")
    return found


async def exposed(node: Node) -> dict[str, set[str]]:
    """Names of the real `/metrics` with their labels, once everything that has labels has been counted."""
    for reason in MissReason:
        node.hub.publish(SlotMissed(7, signer(2000).public_key, reason, ""))
    found: dict[str, set[str]] = {}
    for line in (await node.client.get("/metrics")).text.splitlines():
        if match := re.match(r"(\w+)(?:\{(.*)\})? ", line):
            found.setdefault(match[1], set()).update(re.findall(r'(\w+)="', match[2] or ""))
    return found


@pytest.mark.parametrize("source", ["dashboard", "alerts"])
async def test_every_metric_and_label_that_is_asked_for_exists(node: Node, source: str) -> None:
    asked = list(expressions_of_the_dashboard()) if source == "dashboard" else [rule["expr"] for rule in rules()]
    found = await exposed(node)
    for expression in asked:
        for name, matchers in METRIC.findall(expression):
            assert name in found, f"{expression} asks for {name}"
            assert set(re.findall(r"(\w+)=", matchers)) <= found[name] | LABELS_OF_PROMETHEUS, expression
        grouped = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(",")}
        labels = set().union(*(found[name] for name, _ in METRIC.findall(expression)), LABELS_OF_PROMETHEUS)
        assert grouped <= labels, expression


def test_every_rule_says_how_bad_it_is_and_what_to_do() -> None:
    found = rules()
    assert len(found) == len({rule["alert"] for rule in found}) >= 10
    for rule in found:
        assert {"alert", "expr", "for", "severity", "summary", "action"} <= set(rule)
        assert rule["severity"] in {"warning", "critical"}
        assert len(rule["action"]) > 20


def test_every_panel_says_what_its_lines_mean() -> None:
    for panel in panels():
        assert panel["description"]
        assert panel["title"]
