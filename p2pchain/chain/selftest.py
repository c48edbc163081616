"""What the signature library must accept and refuse, asked once at every start.

Ed25519 libraries disagree on edge cases (Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs", 2020); nodes that
disagree split the chain.  So a node whose libsodium answers otherwise does not start.
"""

from __future__ import annotations

from p2pchain.chain.crypto import SignatureCheck, is_valid_key, is_valid_signature

_GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
_IDENTITY = b"\x01" + bytes(31)
# RFC 8032, section 7.1, test 2
_KEY = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
_MESSAGE = b"\x72"
_SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def failed_checks() -> list[str]:
    """The names of the checks that went wrong: an empty list on a sound library."""
    large_s = int.from_bytes(_SIGNATURE[32:], "little") + _GROUP_ORDER
    malleated = _SIGNATURE[:32] + large_s.to_bytes(32, "little")
    forged = SignatureCheck(_IDENTITY, _MESSAGE, _IDENTITY + bytes(32))
    answers = {
        "accepts the vector of RFC 8032": is_valid_signature(SignatureCheck(_KEY, _MESSAGE, _SIGNATURE)),
        "refuses another message": not is_valid_signature(SignatureCheck(_KEY, b"\x73", _SIGNATURE)),
        "refuses S above the group order": not is_valid_signature(SignatureCheck(_KEY, _MESSAGE, malleated)),
        "refuses a key of small order": not is_valid_signature(forged) and not is_valid_key(_IDENTITY),
        "accepts a sound key": is_valid_key(_KEY),
    }
    return [name for name, holds in answers.items() if not holds]
