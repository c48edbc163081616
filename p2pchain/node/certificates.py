"""Certificates by their bytes, decoded once: every peer sends the same few, and the next block carries one of them.

A pure function with a memory: whether a certificate has a quorum, or is signed at all, is not decided here.
"""

from __future__ import annotations

from p2pchain.chain.votes import Certificate, decode_certificate

CERTIFICATES_MAX = 8
"""As many as a slot or two have.  With 101 delegates 300 KB at most."""


class Certificates:
    """The newest that were well formed."""

    def __init__(self, most: int = CERTIFICATES_MAX) -> None:
        self._most = most
        self._known: dict[bytes, Certificate] = {}

    def decode(self, raw: bytes) -> Certificate:
        """The certificate in its bytes; `Invalid` where it is none."""
        known = self._known.get(raw)
        if known is None:
            known = self._known[raw] = decode_certificate(raw)
            if len(self._known) > self._most:
                del self._known[next(iter(self._known))]
        return known
