"""What applications rely on."""

from tests.mutants.mutant import Mutant

SENDING = ("client/test_sending.py",)
BOTH = ("client/test_both_clients.py",)

MUTANTS = (
    Mutant(
        "refused_uses_a_nonce",
        "client/sending.py",
        "nonce += is_taken",
        "nonce += 1",
        "each refused payment costs a question more, and the next nonce is wrong until then",
        SENDING,
    ),
    Mutant(
        "moved_account_not_asked",
        "client/sending.py",
        "self.next_nonce = nonce if nonce < first + place else None",
        "self.next_nonce = nonce",
        "a sender insists for ever on a nonce that somebody else has used",
        SENDING,
    ),
    Mutant(
        "senders_at_once",
        "client/async_node_client.py",
        "        async with self._lock:\n            return await",
        "        if True:\n            return await",
        "two tasks take one nonce, and one of their payments is lost",
        BOTH,
    ),
    Mutant(
        "blocks_told_twice",
        "client/event_reading.py",
        "if self._next is not None and height < self._next:",
        "if False:",
        "an application books a payment twice",
        BOTH,
    ),
    Mutant(
        "blocks_left_out",
        "client/event_reading.py",
        'return {} if self._next is None else {"from_height": self._next}',
        "return {}",
        "an application misses the payments of the minute in which its node started again",
        BOTH,
    ),
)
