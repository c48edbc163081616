"""All mutants."""

from tests.mutants import consensus, discovery, governing, language, ledger, light, node, proving, standing, syncing
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *consensus.MUTANTS,
    *ledger.MUTANTS,
    *governing.MUTANTS,
    *language.MUTANTS,
    *node.MUTANTS,
    *proving.MUTANTS,
    *discovery.MUTANTS,
    *standing.MUTANTS,
    *syncing.MUTANTS,
    *light.MUTANTS,
)
