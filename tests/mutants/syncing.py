"""What a node far behind believes, whom it waits for, and what it keeps."""

from tests.mutants.mutant import Mutant

FAR = ("node/test_far_sync.py", "node/test_far_questions.py", "node/test_header_chain.py")

MUTANTS = (
    Mutant(
        "body_of_another_id",
        "node/opening_sync.py",
        "            if core.proven.id_at(height) != envelope.id:\n                break\n",
        "",
        "a peer makes a node check the signatures of blocks that nobody asked for",
        FAR,
    ),
    Mutant(
        "headers_without_chain",
        "node/header_chain.py",
        "if links and (header.parent != links[-1].block or header.height != links[-1].height + 1):",
        "if False:",
        "headers are believed that do not stand on each other",
        FAR,
    ),
    Mutant(
        "proof_by_one_signer",
        "node/header_chain.py",
        ">= quorum(len(keys)) else None",
        ">= 1 else None",
        "one delegate alone proves a chain",
        FAR,
    ),
    Mutant(
        "proof_unverified",
        "node/opening_sync.py",
        'verified.append(require_verified(proof, results[at : at + len(part)], "certificate"))',
        'verified.append(require_verified(proof, [], "certificate"))',
        "a forged certificate proves a chain",
        FAR,
    ),
    Mutant(
        "answer_checked_twice",
        "node/far_questions.py",
        " or question.arrived_ms is not None:",
        ":",
        "a peer makes a node check the same answer without end",
        FAR,
    ),
    Mutant(
        "blames_others_for_own_slowness",
        "node/far_questions.py",
        "if any(other.arrived_ms is not None for other in self._asked.values() if other.peer == question.peer):",
        "if False:",
        "a slow node doubts honest peers and fetches everything twice",
        FAR,
    ),
    Mutant(
        "waits_for_the_stalled",
        "node/far_sync.py",
        "if not (question.from_height <= first < question.end and self.questions.is_overdue(question))",
        "if True",
        "one silent peer holds up the whole catch-up for its deadline",
        FAR,
    ),
    Mutant(
        "far_keeps_everything",
        "node/far_sync.py",
        "            if waiting >= HELD_BYTES_MAX and not is_first:\n                return\n",
        "",
        "whoever withholds one block fills the memory of a node with the others",
        FAR,
    ),
    Mutant(
        "far_never_gives_up",
        "node/far_sync.py",
        "if self._core.now_ms > self._moved_ms + STALLED_MS:",
        "if False:",
        "proofs of blocks that nobody gives stop a node for ever",
        FAR,
    ),
    Mutant(
        "deadline_for_quick_links_only",
        "node/pace.py",
        "min(DEADLINE_MAX_MS, 2 * self.deadline_ms)",
        "self.deadline_ms",
        "a node behind a slow link never catches up",
        FAR,
    ),
    Mutant(
        "near_ends_unproven",
        "node/sync.py",
        "            self._begin_again()\n",
        "            pass\n",
        "blocks without any proof, all at once, stop a catch-up for ever",
        FAR,
    ),
)
