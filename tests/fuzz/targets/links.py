"""The beginning of a link and its records: any bytes at any time, and any words of one who knows the protocol and has keys."""

from __future__ import annotations

from functools import cache

from p2pchain.wire.channel import CONTENT_BYTES_MAX, RECORD_BYTES_MAX, SecureChannel
from p2pchain.wire.errors import ConnectionRefused
from p2pchain.wire.handshake import PREAMBLE_BYTES, SECOND_BYTES, Credentials, Handshake
from p2pchain.wire.noise import CipherState, HandshakeState, KeyPair
from tests.fuzz.choices import Choices, block
from tests.fuzz.claims import told
from tests.fuzz.target import Target
from tests.wire.ends import DIALLER, NOW_MS, OURS, THEIRS, acceptor, credentials, dialler, flights

STRANGER = credentials(DIALLER, static=77)


# --- bytes from nobody


def _check_handshake(data: bytes) -> str:
    """The first bytes: who hears it, in which cut.  Nobody becomes known but who was meant; at most a flight is kept."""
    choices = Choices(data)
    side, step = choices.number(2), choices.number(250) + 1
    victim = dialler() if side else acceptor()
    stream = choices.rest()
    try:
        for start in range(0, len(stream), step):
            victim.receive(stream[start : start + step])
            if victim.channel is not None:
                break
            assert len(victim._received) < PREAMBLE_BYTES + SECOND_BYTES, "at most one flight short of a byte is kept"
    except ConnectionRefused as refusal:
        assert victim.channel is None, "no channel after a refusal"
        return f"{side} {told(refusal)}"
    _require_meant(victim)
    return f"{side} {'secure' if victim.channel else 'waits'}"


def _require_meant(victim: Handshake) -> None:
    meant = {THEIRS.node_key, OURS.node_key} - {victim._credentials.node_key}
    assert victim.node_key is None or victim.node_key in meant, "somebody is believed who has not signed"
    assert victim.channel is None or victim.node_key is not None, "no channel without a proof"


@cache
def _streams() -> tuple[bytes, ...]:
    first, second, third = flights(dialler(), acceptor())
    return b"\x01\xf9" + second, b"\x00\xf9" + first + third, b"\x00\x00" + first + third, b"\x01\x10" + second[:40], b"\x00\xf9" + first


# --- words of one who has keys


def _check_proof(data: bytes) -> str:
    """An attacker who encrypts properly and proves with any bytes: refused, unless it is the proof of who was meant."""
    choices = Choices(data)
    dials, ephemeral = bool(choices.number(2)), choices.block() or bytes([9]) * 32
    claimed = choices.pick((THEIRS, OURS, STRANGER))
    proof = choices.block()
    victim = dialler() if dials else acceptor()
    attacker = _attacker(claimed, ephemeral, initiator=not dials)
    if attacker is None:
        return "no key"
    try:
        _talk(victim, attacker, claimed, proof)
    except ConnectionRefused as refusal:
        return f"{dials} {told(refusal)}"
    if victim.channel is None:
        return f"{dials} waits"
    assert proof.startswith(claimed.proof), "another proof than the signed one is believed"
    _require_meant(victim)
    return f"{dials} believed"


def _attacker(claimed: Credentials, ephemeral: bytes, *, initiator: bool) -> HandshakeState | None:
    if len(ephemeral) != 32:
        return None
    pair = KeyPair.of(ephemeral)
    return HandshakeState(initiator=initiator, prologue=claimed.prologue, static=claimed.static, ephemeral=pair)


def _talk(victim: Handshake, attacker: HandshakeState, claimed: Credentials, proof: bytes) -> None:
    if not attacker._initiator:
        attacker.read(victim.take()[PREAMBLE_BYTES:])
        victim.receive(claimed.preamble + attacker.write(proof))
        return
    victim.receive(claimed.preamble + attacker.write(b""))
    attacker.read(victim.take()[PREAMBLE_BYTES:])
    victim.receive(attacker.write(proof))


def _proofs() -> list[bytes]:
    made = []
    for side, (number, claimed) in ((0, (1, OURS)), (1, (0, THEIRS)), (0, (2, STRANGER)), (1, (1, OURS)), (0, (0, THEIRS))):
        made += [
            bytes([side]) + block(b"") + bytes([number]) + block(proof) for proof in (claimed.proof, b"", bytes(96), claimed.proof[:-1])
        ]
    return made


# --- Noise by itself


def _check_noise(data: bytes) -> str:
    """Both sides in turn, each flight replaced by what the bytes say, or left: what was not written is not read."""
    choices = Choices(data)
    ends = [
        HandshakeState(
            initiator=initiator, prologue=b"p", static=KeyPair.of(bytes([3 + initiator]) * 32), ephemeral=KeyPair.of(bytes([5]) * 32)
        )
        for initiator in (True, False)
    ]
    for turn in range(3):
        payload = choices.piece(choices.number(40))
        message = ends[turn % 2].write(payload)
        changed = choices.block() or message
        try:
            heard = ends[1 - turn % 2].read(changed)
        except ConnectionRefused as refusal:
            return f"{turn} {told(refusal)}"
        assert (changed, heard) == (message, payload) or turn == 0, "another flight than the written one is read"
        if changed != message:
            return "the first flight is in clear"
    assert ends[0].hash == ends[1].hash
    return "agreed"


def _noise() -> list[bytes]:
    return [
        bytes([3]) + b"abc" + block(b""),
        b"",
        bytes([0]) + block(bytes(32)),
        bytes([0]) + block(b""),
        bytes([0]) + block(b"") + b"\x01x" + block(bytes(100)),
    ]


# --- records


def _check_channel(data: bytes) -> str:
    """Sealed pieces, then any bytes between them, in any cut: what comes out is what went in, as long as nothing else came."""
    choices = Choices(data)
    key = b"\x07" * 32
    sender, receiver = (SecureChannel(CipherState(key), CipherState(key), key_records_max=300) for _ in range(2))
    sent, heard, is_clean = b"", b"", True
    try:
        while not choices.is_over:
            kind, piece = choices.number(6), choices.block()
            if kind == 5:  # many small ones, so that keys change
                sealed = b"".join(sender.seal(piece[:1] or b"x", NOW_MS) for _ in range(100))
                sent += (piece[:1] or b"x") * 100
            elif kind == 4:
                sealed, is_clean = piece, False
            else:
                sealed, sent = sender.seal(piece, NOW_MS), sent + piece
            for start in range(0, len(sealed), step := 1 + kind * 50):
                for content in receiver.open(sealed[start : start + step]):
                    heard += content
                    assert 0 < len(content) <= CONTENT_BYTES_MAX
                assert len(receiver._received) - receiver._at <= 2 + RECORD_BYTES_MAX + step, "one record is kept"
            assert sent.startswith(heard) or not is_clean, "only what was sent is heard"
    except ConnectionRefused as refusal:
        assert not is_clean, "what was sealed is opened"
        return told(refusal)
    return f"heard {'all' if heard == sent else 'some'}"


def _records() -> list[bytes]:
    sealed = SecureChannel(CipherState(b"\x07" * 32), CipherState(b"\x07" * 32)).seal(b"first", NOW_MS)
    return [
        b"\x00" + block(b"hello") + b"\x03" + block(b"x" * 300),
        b"\x05" + block(b"a") + b"\x05" + block(b"b") + b"\x05" + block(b"c") + b"\x05" + block(b"d") + b"\x01" + block(b"end"),
        b"\x04" + block(sealed),
        b"\x04" + block(b"\xff\xff" + bytes(100)),
        b"\x04" + block(b"\x00\x0f"),
        b"\x04" + block(b"\x00\x10" + CipherState(b"\x07" * 32).encrypt(b"")),
    ]


TARGETS = (
    Target("handshake", "a link to whom it was meant, or ConnectionRefused", _check_handshake, _streams, size_max=1_024),
    Target("proof", "nobody is believed but by the signature of their key", _check_proof, _proofs, size_max=512),
    Target("noise", "flights that were written, or NotAuthentic", _check_noise, _noise, size_max=512),
    Target("channel", "what was sealed, in order, whatever comes in between", _check_channel, _records, size_max=2_048),
)
