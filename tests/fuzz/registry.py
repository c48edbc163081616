"""All targets by name."""

from __future__ import annotations

from tests.fuzz.target import Target
from tests.fuzz.targets import (
    addresses,
    answers,
    codec,
    conversation,
    documents,
    frames,
    light,
    links,
    messages,
    mind,
    peers,
    proofs,
    reports,
    signed,
    stored,
)

TARGETS: tuple[Target, ...] = (
    *codec.TARGETS,
    *frames.TARGETS,
    *messages.TARGETS,
    *signed.TARGETS,
    *light.TARGETS,
    *proofs.TARGETS,
    *links.TARGETS,
    *stored.TARGETS,
    *addresses.TARGETS,
    *peers.TARGETS,
    *documents.TARGETS,
    *answers.TARGETS,
    *reports.TARGETS,
    *conversation.TARGETS,
    *mind.TARGETS,
)


def find(name: str) -> Target:
    """The target of this name; an error that lists them where there is none."""
    for target in TARGETS:
        if target.name == name:
            return target
    raise SystemExit(f"found no target {name!r}, wanted one of: {', '.join(target.name for target in TARGETS)}")
