"""What a chain of headers proves, and which certificates are looked at."""

from __future__ import annotations

import pytest

from p2pchain.chain.consequences import Consequence, consequence_of
from p2pchain.chain.errors import Invalid
from p2pchain.chain.schedule import quorum
from p2pchain.chain.votes import Kind, make_certificate
from p2pchain.node.header_chain import STEP_BLOCKS, HeaderChain, Headers, choose_proofs, read_headers
from tests.fakes.long_chain import LongChain, make_chain

HEIGHT = 60
FIRST_CHANGE = 40


def items_of(made: LongChain, *, proofs: bool = True) -> list[bytes]:
    steps = made.steps
    return [part for step in steps for part in (step.stored.block.header_raw, step.confirms.raw if proofs else b"")]


def headers_of(made: LongChain, items: list[bytes] | None = None) -> Headers:
    headers = read_headers(items_of(made) if items is None else items)
    assert headers is not None
    return headers


@pytest.fixture(scope="module")
def made() -> LongChain:
    return make_chain(HEIGHT)


@pytest.fixture(scope="module")
def changing() -> LongChain:
    return make_chain(HEIGHT, (FIRST_CHANGE,))


def test_ids_are_those_of_the_blocks(made: LongChain) -> None:
    headers = headers_of(made)
    assert headers.parent == made.genesis.block_id
    assert [link.block for link in headers.links] == [step.stored.block.id for step in made.steps]


def test_an_answer_ends_before_what_cannot_be_read(made: LongChain) -> None:
    """Another version may be in force from there on."""
    items = items_of(made)
    assert len(headers_of(made, [*items[:10], b"\x90", b"", *items[10:]]).links) == 5
    assert read_headers([b"\x90", b""]) is None
    assert read_headers([]) is None


def test_headers_that_are_no_chain_are_a_lie(made: LongChain) -> None:
    items = items_of(made)
    with pytest.raises(Invalid) as refused:
        read_headers(items[:10] + items[12:])
    assert consequence_of(refused.value) is Consequence.LIE


def test_few_certificates_are_looked_at_and_the_last_is_one_of_them(made: LongChain) -> None:
    headers = headers_of(made)
    chosen = choose_proofs(headers, made.sets[0], STEP_BLOCKS)
    heights = [proof.subject.height for proof in chosen]
    assert heights == [*range(STEP_BLOCKS, HEIGHT, STEP_BLOCKS), HEIGHT]
    assert [proof.subject.height for proof in choose_proofs(headers, made.sets[0], 1)] == list(range(1, HEIGHT + 1))


@pytest.mark.parametrize("spacing", [1, STEP_BLOCKS])
def test_the_known_set_proves_nothing_beyond_its_own_blocks(changing: LongChain, spacing: int) -> None:
    change = next(place for place in range(1, HEIGHT) if changing.sets[place] != changing.sets[place - 1])
    headers = headers_of(changing)
    assert choose_proofs(headers, changing.sets[0], spacing)[-1].subject.height == change
    assert choose_proofs(headers_of(changing, items_of(changing)[2 * change :]), changing.sets[0], spacing) == []


def test_a_set_that_comes_back_does_not_lead_over_the_one_between() -> None:
    """Looked at one by one, the certificates end where the other set begins; further steps are counted again by the tree."""
    made = make_chain(HEIGHT, (20, 40))
    changes = [place for place in range(1, HEIGHT) if made.sets[place] != made.sets[place - 1]]
    assert made.sets[0] == made.sets[-1]
    headers = headers_of(made)
    assert choose_proofs(headers, made.sets[0], 1)[-1].subject.height == changes[0]


def test_a_certificate_of_votes_or_for_another_block_proves_nothing(made: LongChain) -> None:
    items = items_of(made)
    items[1], items[3] = items[3], items[1]
    assert choose_proofs(headers_of(made, items[:4]), made.sets[0], 1) == []
    first = made.steps[0].confirms
    assert first.kind is Kind.CONFIRM
    assert choose_proofs(headers_of(made, [items[0], b"\x91" + first.raw[1:]]), made.sets[0], 1) == []


@pytest.mark.parametrize("spacing", [1, STEP_BLOCKS])
def test_less_than_a_quorum_proves_nothing(made: LongChain, spacing: int) -> None:
    headers = headers_of(made)
    few = [make_certificate(proof.kind, proof.subject, dict(list(proof.signatures.items())[1:])) for _, proof in made.steps]
    assert len(few[0].signatures) == quorum(len(made.sets[0])) - 1
    assert choose_proofs(headers._replace(confirms=[proof.raw for proof in few]), made.sets[0], spacing) == []


def test_without_certificates_nothing_is_proven(made: LongChain) -> None:
    assert choose_proofs(headers_of(made, items_of(made, proofs=False)), made.sets[0], STEP_BLOCKS) == []


def test_what_is_final_is_forgotten(made: LongChain) -> None:
    chain, headers = HeaderChain(), headers_of(made)
    chain.extend(headers.links, choose_proofs(headers, made.sets[0], STEP_BLOCKS))
    assert chain.top == headers.links[-1]
    chain.drop_until(HEIGHT - 1)
    assert len(chain) == 1
    assert chain.id_at(HEIGHT - 1) is None
    assert chain.proof_at(HEIGHT) is not None
    chain.drop_until(HEIGHT)
    assert chain.top is None
    assert not chain._proofs
