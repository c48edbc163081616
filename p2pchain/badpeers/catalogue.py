"""All attacks by name."""

from __future__ import annotations

from p2pchain.badpeers import crowds, floods, frames, handshakes, lies, slowness
from p2pchain.badpeers.attack import Attack

CATALOGUE: dict[str, type[Attack]] = {
    attack.NAME: attack for module in (handshakes, frames, slowness, floods, lies, crowds) for attack in module.ATTACKS
}
