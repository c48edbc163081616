"""All mutants."""

from tests.mutants import consensus, governing, language, ledger, node, syncing
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (*consensus.MUTANTS, *ledger.MUTANTS, *governing.MUTANTS, *language.MUTANTS, *node.MUTANTS, *syncing.MUTANTS)
