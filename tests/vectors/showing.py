"""How values stand in the files: byte strings as hex, amounts as decimal text, all other integers as numbers."""

from __future__ import annotations

from p2pchain.chain.actions import Action
from p2pchain.chain.codec import encode
from p2pchain.chain.crypto import Domain, signed_message
from p2pchain.chain.state import GLOBALS, Changes, Globals
from p2pchain.chain.transaction import Transaction, fee_min
from p2pchain.chain.votes import Ballot, Subject, encode_subject
from tests.vectors.world import CHAIN_ID, SPEC, Made

Json = dict[str, object]


def show_subject(subject: Subject) -> Json:
    return {"slot": subject.slot, "height": subject.height, "block": subject.block.hex()}


def show_action(action: Action) -> Json:
    shown = {name: value.hex() if isinstance(value, bytes) else value for name, value in action._asdict().items()}
    return {"kind": action.KIND, "name": action.NAME, **{name: str(value) if name == "amount" else value for name, value in shown.items()}}


def show_transaction(name: str, transaction: Transaction) -> Json:
    return {
        "name": name,
        "sender": transaction.sender.hex(),
        "nonce": transaction.nonce,
        "valid_until": transaction.valid_until,
        "fee": str(transaction.fee),
        "actions": [show_action(action) for action in transaction.actions],
        "body": transaction.body.hex(),
        "message": signed_message(Domain.TRANSACTION, CHAIN_ID, transaction.body).hex(),
        "signature": transaction.signature.hex(),
        "raw": transaction.raw.hex(),
        "id": transaction.id.hex(),
        "bytes": len(transaction.raw),
        "work": sum(action.WORK for action in transaction.actions),
        "fee_min": str(fee_min(transaction, SPEC.genesis_params)),
    }


def show_rows(changes: Changes) -> list[list[str]]:
    return [[row_key.hex(), row.hex()] for row_key, row in changes.rows.items()]


def show_globals(totals: Globals) -> Json:
    return {
        "round": totals.round,
        "round_start_slot": totals.round_start_slot,
        "seed": totals.seed.hex(),
        "next_seed": totals.next_seed.hex(),
        "active": [member.account.hex() for member in totals.active],
        "total_stake": str(totals.total_stake),
        "issued": str(totals.issued),
        "burned": str(totals.burned),
        "turnover": totals.turnover,
    }


def globals_of(made: Made) -> Globals:
    totals = GLOBALS.load(made.view)
    assert totals is not None, "the genesis writes it"
    return totals


def show_block(made: Made) -> Json:
    block = made.block
    assert block is not None, "the genesis has none"
    header = block.header
    return {
        "header": {
            "height": header.height,
            "slot": header.slot,
            "parent": header.parent.hex(),
            "producer": header.producer.hex(),
            "state_root": header.state_root.hex(),
            "transactions_root": header.transactions_root.hex(),
            "certificate_hash": header.certificate_hash.hex(),
            "reveal": header.reveal.hex(),
            "commitment": header.commitment.hex(),
            "set_id": header.set_id.hex(),
        },
        "header_raw": block.header_raw.hex(),
        "message": signed_message(Domain.BLOCK, CHAIN_ID, block.header_raw).hex(),
        "signature": block.signature.hex(),
        "certificate": block.certificate.raw.hex() if block.certificate else "",
        "transactions": [transaction.raw.hex() for transaction in block.transactions],
        "transaction_ids": [transaction.id.hex() for transaction in block.transactions],
        "raw": block.raw.hex(),
        "id": block.id.hex(),
    }


def show_ballot(made: Ballot) -> Json:
    body = encode_subject(made.subject)
    return {
        "kind": int(made.kind),
        **show_subject(made.subject),
        "voter": made.voter.hex(),
        "body": body.hex(),
        "message": signed_message(made.kind.domain, CHAIN_ID, body).hex(),
        "signature": made.signature.hex(),
        "raw": encode(made.to_value()).hex(),
    }
