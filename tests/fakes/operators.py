"""The operators of a fake network: they inspect the disks of stopped nodes, draft, sign and install a recovery."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from p2pchain.chain.mempool import Limits
from p2pchain.chain.recovery import Recoveries, Recovery, validate_complete
from p2pchain.chain.recovery_draft import Circumstances, Report, draft, report_of
from p2pchain.chain.types import ChainId
from p2pchain.node.engine import Engine, Identity
from p2pchain.node.intake import Intake
from tests.fakes.world import SimNode, World, signer


def account(number: int) -> bytes:
    """The account of a delegate of `make_genesis`."""
    return signer(2000 + number).public_key


def inspect(node: SimNode) -> Report:
    """What the disk of a stopped node says."""
    world = node.world
    recovered = node.disk.recovered()
    identity = Identity(node.signer.public_key, node.disk.sign) if node.is_delegate else Identity()
    engine = Engine(world.spec, recovered.root, node.disk, identity, Limits(), world.now_ms, recoveries=Recoveries(node.recoveries))
    intake = Intake(engine.core)
    engine.restore([(intake.read_block(item.raw)[0], intake.read_certificate(item.certificate)) for item in recovered.unfinal])
    chain = ChainId(world.spec.chain_id)
    return report_of(engine.core.tree, identity.key, identity.sign, Circumstances(chain, engine.core.slot, running=False))


def agree(world: World, remaining: Collection[int], gone: Collection[int], *, accept_loss: bool = False) -> Recovery:
    """The signed recovery of those who remain, which all are stopped."""
    recovery = draft([inspect(world.nodes[number]) for number in remaining], [account(n) for n in gone], accept_loss=accept_loss).recovery
    for number in remaining:
        if world.nodes[number].signer.public_key in recovery.signers:
            recovery = recovery.signed(world.nodes[number].signer)
    validate_complete(recovery)
    return recovery


def install(world: World, recovery: Recovery, numbers: Sequence[int]) -> None:
    for number in numbers:
        world.nodes[number].recoveries += (recovery,)
