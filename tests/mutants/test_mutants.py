"""The mutants stay current; whether they are caught is `python -m tests.mutants`, which takes minutes."""

from collections import Counter

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_still_fits_the_source_and_names_tests_that_exist(mutant: Mutant) -> None:
    assert mutant.mismatch() == ""
    assert mutant.new != mutant.old
    assert mutant.tests
    assert all((ROOT / "tests" / test.partition("::")[0]).exists() for test in mutant.tests)


def test_mutants_have_names_of_their_own() -> None:
    assert [name for name, count in Counter(mutant.name for mutant in MUTANTS).items() if count > 1] == []


def test_a_mutant_that_no_longer_fits_says_what_to_adjust() -> None:
    gone = Mutant("gone", "chain/voting.py", "text that is not there", "", "", ())
    moved = gone._replace(file="chain/nowhere.py")
    assert "occurs 0 times in p2pchain/chain/voting.py" in gone.mismatch()
    assert "does not exist" in moved.mismatch()
