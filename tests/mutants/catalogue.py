"""All mutants."""

from tests.mutants import consensus, language, ledger, node
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (*consensus.MUTANTS, *ledger.MUTANTS, *language.MUTANTS, *node.MUTANTS)
