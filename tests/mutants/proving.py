"""The state's trie, and what is proven by it."""

from tests.mutants.mutant import Mutant

TRIE = ("chain/test_trie.py",)
PROOFS = ("chain/test_proofs.py",)

MUTANTS = (
    Mutant(
        "root_without_values",
        "chain/trie/nodes.py",
        "sha256(value_prefix + value).digest() for key",
        "sha256(value_prefix).digest() for key",
        "the root no longer says what an account holds",
        TRIE,
    ),
    Mutant(
        "bucket_passes_for_branch",
        "chain/trie/nodes.py",
        "_sha256(_NODE + node).digest()",
        "_sha256(_NODE + node[1:]).digest()",
        "eight rows are shown as sixteen children, and below them whatever one likes",
        TRIE,
    ),
    Mutant(
        "removals_leave_a_trace",
        "chain/trie/update.py",
        "bytes(after), depth, paths[first]) if self._has_removals else",
        "bytes(after), depth, paths[first]) if False else",
        "two nodes with the same rows have different roots",
        TRIE,
    ),
    Mutant(
        "parents_before_children",
        "chain/trie/nodes.py",
        "bytes((DEPTH_MAX - depth,))",
        "bytes((depth,))",
        "a crash between two shares of a batch leaves a branch without its children",
        TRIE,
    ),
    Mutant(
        "nodes_not_flushed",
        "storage/plan.py",
        "batch.nodes_until(done)",
        "{}",
        "the next start finds the state without its trie",
        ("storage/test_flush.py",),
    ),
    Mutant(
        "path_may_end_early",
        "chain/trie/path.py",
        '    if wanted != ZERO_HASH:\n        raise _bad(f"the path ends',
        '    if not nodes:\n        raise _bad(f"the path ends',
        "whoever leaves the bucket out proves that an account does not exist",
        TRIE,
    ),
    Mutant(
        "place_not_committed",
        "chain/merkle.py",
        'count.to_bytes(8, "big") + top',
        "top",
        "a transaction is shown at places where it is not",
        ("chain/test_merkle.py", "test_vectors.py"),
    ),
    Mutant(
        "votes_prove_finality",
        "chain/finality_proof.py",
        "certificate.kind is not Kind.CONFIRM or ",
        "",
        "what was only certified passes for final",
        PROOFS,
    ),
    Mutant(
        "few_prove_finality",
        "chain/finality_proof.py",
        "if counted < wanted:",
        "if counted < 1:",
        "one delegate proves what it likes",
        PROOFS,
    ),
)
