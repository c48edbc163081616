"""`bench verify`: how many signatures this machine checks a second, which no honest node can outrun.

Three ways: in one thread; as a node does it, a batch shared by two threads; and in a process for each core, which is
the limit of the machine that the other benchmarks are held against.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import NamedTuple

import trio

from p2pchain.bench.children import Child
from p2pchain.bench.keys import key_of
from p2pchain.bench.machine import cores, describe_machine
from p2pchain.bench.progress import Progress, Silent
from p2pchain.bench.result import Figures, Result, rounded
from p2pchain.chain.crypto import Domain, SignatureCheck, signed_message, verify_batch
from p2pchain.chain.types import ChainId
from p2pchain.runtime.verifier import Verifier

LIMIT_S = 1.0
"""How long the limit is measured beside another benchmark."""
BATCH = 5_000
"""Signatures of a full block."""
_SLICE = 250
_BODY_BYTES = 110
"""About what the sender of a transfer signs."""


class Rate(NamedTuple):
    a_second: float
    cpu_us: float
    """Of one check, all threads together."""


def measure_verify(seconds: float, seed: int, progress: Progress) -> Result:
    machine = describe_machine()
    checks = make_checks(BATCH, seed)
    progress.begin("checking signatures", 3)
    one = one_thread(checks, seconds)
    progress.advance()
    node = trio.run(_as_a_node, checks, seconds)
    progress.advance()
    limit = all_cores(seconds, seed)
    progress.advance()
    figures: Figures = {
        "one_thread_a_second": rounded(one.a_second, 4),
        "one_thread_cpu_us": rounded(one.cpu_us),
        "as_a_node_a_second": rounded(node.a_second, 4),
        "as_a_node_cpu_us": rounded(node.cpu_us),
        "all_cores_a_second": rounded(limit, 4),
        "signatures_in_a_batch": BATCH,
        "seconds_each": seconds,
    }
    return Result(
        "verify",
        f"Ed25519 signatures over {_BODY_BYTES} bytes of transaction checked by libsodium; as a node: a block's batch on two threads; "
        f"the limit: a process for each of {cores()} cores",
        figures,
        limit_figures(limit),
        rounded(node.a_second / limit),
        seed=seed,
        machine=machine,
    )


def limit_figures(signatures_a_second: float) -> Figures:
    return {"what": "signatures checked a second, a process on each core", "signatures_a_second": rounded(signatures_a_second, 4)}


def measure_limit(seed: int, progress: Progress | None = None, seconds: float = LIMIT_S) -> float:
    """Signatures a second on all cores, for another benchmark of the same run."""
    shown = progress or Silent()
    shown.begin("the machine's limit", 1)
    found = all_cores(seconds, seed)
    shown.advance()
    return found


def make_checks(count: int, seed: int) -> list[SignatureCheck]:
    """Each by a key of its own, over a message of its own."""
    chain = ChainId(bytes(32))
    checks = []
    for number in range(count):
        key, body = key_of(seed, "sender", number), number.to_bytes(_BODY_BYTES, "big")
        message = signed_message(Domain.TRANSACTION, chain, body)
        checks.append(SignatureCheck(key.public_key, message, key.sign(Domain.TRANSACTION, chain, body)))
    return checks


def one_thread(checks: list[SignatureCheck], seconds: float) -> Rate:
    done, began, cpu = 0, time.perf_counter(), time.process_time()
    while (passed := time.perf_counter() - began) < seconds:
        start = done % len(checks)
        found = verify_batch(checks[start : start + _SLICE])
        assert all(found), "every signature was made here"
        done += len(found)
    return Rate(done / passed, (time.process_time() - cpu) / done * 1e6)


async def _as_a_node(checks: list[SignatureCheck], seconds: float) -> Rate:
    verifier, done, began, cpu = Verifier(), 0, time.perf_counter(), time.process_time()
    while (passed := time.perf_counter() - began) < seconds:
        found = await verifier.verify(checks)
        assert all(found), "every signature was made here"
        done += len(found)
    return Rate(done / passed, (time.process_time() - cpu) / done * 1e6)


def all_cores(seconds: float, seed: int) -> float:
    """Signatures a second of a process on each core, all at the same time."""
    with ExitStack() as stack:
        children = [stack.enter_context(Child("p2pchain.bench.verify_child")) for _ in range(cores())]
        for child in children:
            child.send({"make": 1_000, "seed": seed})
        for child in children:
            child.receive()
        for child in children:
            child.send({"seconds": seconds})
        return sum(float(child.receive()["a_second"]) for child in children)
