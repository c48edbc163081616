import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.address import decode_address, decode_bech32m, encode_address, encode_bech32m
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.types import AccountId

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
ACCOUNTS = st.binary(min_size=32, max_size=32).map(AccountId)

BIP_350_VALID = [
    "A1LQFN3A",
    "a1lqfn3a",
    "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
    "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
    "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
    "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
    "?1v759aa",
]
BIP_350_INVALID = [
    "\x201xj0phk",
    "\x7f1g6xzxy",
    "\x801vctc34",
    "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
    "qyrz8wqd2c9m",
    "1qyrz8wqd2c9m",
    "y1b0jsk6g",
    "lt1igcx5c0",
    "in1muywd",
    "mm1crxm3i",
    "au1s5cgom",
    "M1VUXWEZ",
    "16plkw9",
    "1p2gdwpf",
]
BIP_173_VALID = ["A12UEL5L", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "?1ezyfcl"]


def refused(prefix: str, text: str) -> Invalid:
    with pytest.raises(Invalid) as caught:
        decode_address(prefix, text)
    assert caught.value.code is Code.BAD_ADDRESS
    return caught.value


@pytest.mark.parametrize("text", BIP_350_VALID)
def test_the_valid_texts_of_bip_350_are_read_and_written(text: str) -> None:
    prefix, values = decode_bech32m(text)
    assert encode_bech32m(prefix, values) == text.lower()


@pytest.mark.parametrize("text", [*BIP_350_INVALID, *BIP_173_VALID])
def test_the_invalid_texts_of_bip_350_and_the_older_checksum_are_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode_bech32m(text)
    assert caught.value.code is Code.BAD_ADDRESS


@given(ACCOUNTS, st.from_regex(r"[a-z][a-z0-9]{0,15}", fullmatch=True))
def test_an_address_comes_back(account: AccountId, prefix: str) -> None:
    text = encode_address(prefix, account)
    assert decode_address(prefix, text) == account
    assert decode_address(prefix, text.upper()) == account


@given(ACCOUNTS, st.data())
def test_one_wrong_letter_is_always_noticed(account: AccountId, data: st.DataObject) -> None:
    text = encode_address("p2p", account)
    place = data.draw(st.integers(len("p2p1"), len(text) - 1))
    letter = data.draw(st.sampled_from(ALPHABET.replace(text[place], "")))
    refused("p2p", text[:place] + letter + text[place + 1 :])


def test_every_wrong_letter_in_an_address_is_noticed() -> None:
    text = encode_address("p2p", AccountId(bytes(range(32))))
    for place in range(4, len(text)):
        for letter in ALPHABET.replace(text[place], ""):
            refused("p2p", text[:place] + letter + text[place + 1 :])


@given(ACCOUNTS, st.data())
def test_two_letters_swapped_are_always_noticed(account: AccountId, data: st.DataObject) -> None:
    text = encode_address("p2p", account)
    place = data.draw(st.integers(len("p2p1"), len(text) - 2))
    swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    if swapped != text:
        refused("p2p", swapped)


@given(ACCOUNTS, st.data())
def test_a_letter_lost_or_added_is_noticed(account: AccountId, data: st.DataObject) -> None:
    text = encode_address("p2p", account)
    place = data.draw(st.integers(len("p2p1"), len(text) - 1))
    refused("p2p", text[:place] + text[place + 1 :])
    refused("p2p", text[:place] + data.draw(st.sampled_from(ALPHABET)) + text[place:])


@given(st.text(max_size=100))
def test_any_text_is_an_address_or_invalid(text: str) -> None:
    refused("p2p", text)


def test_an_address_of_another_network_is_named_as_such() -> None:
    refusal = refused("p2p", encode_address("test", AccountId(bytes(32))))
    assert refusal.evidence == {"found": "test", "wanted": "p2p"}


def test_upper_and_lower_case_are_never_mixed() -> None:
    text = encode_address("p2p", AccountId(bytes(range(32))))
    assert "mixes" in refused("p2p", text[:10] + text[10:].upper()).message
    assert "mixes" in refused("p2p", "P" + text[1:]).message


def test_a_letter_that_only_lower_case_makes_ascii_is_refused() -> None:
    """The Kelvin sign is an upper-case letter whose lower case is an ordinary k."""
    text = encode_address("p2p", AccountId(bytes(range(32)))).upper()
    assert "K" in text
    refused("p2p", text.replace("K", "\u212a"))


@pytest.mark.parametrize("size", [0, 1, 20, 31, 33, 40])
def test_an_address_holds_32_bytes(size: int) -> None:
    assert refused("p2p", encode_address("p2p", AccountId(bytes(size)))).evidence == {"found": size, "wanted": 32}


@pytest.mark.parametrize("values", [[0] * 51 + [1], [0] * 51 + [8], [0] * 53])
def test_an_address_has_one_text(values: list[int]) -> None:
    """Bits that belong to no byte are zero and fewer than a letter."""
    refused("p2p", encode_bech32m("p2p", values))


@pytest.mark.parametrize("text", ["", "1", "p2p", "p2p1", " p2p1", "p2p1\n", "p2p1" + "q" * 200, "1" * 90])
def test_texts_that_are_no_address_are_refused(text: str) -> None:
    refused("p2p", text)
