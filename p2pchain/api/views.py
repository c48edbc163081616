"""What the API shows, as plain dictionaries: amounts as decimal strings, heights, slots and nonces as numbers, hashes
and keys as hex, accounts as bech32m text.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from p2pchain.api.errors import error_view
from p2pchain.chain.actions import Action
from p2pchain.chain.address import encode_address
from p2pchain.chain.changing import Change, named_values
from p2pchain.chain.errors import Evidence
from p2pchain.chain.outcomes import Failure
from p2pchain.chain.params import ChainSpec
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.types import AccountId, TransactionId
from p2pchain.chain.votes import Certificate, Subject
from p2pchain.node.effects import SlotMissed, SubmitResult
from p2pchain.node.history import IndexView
from p2pchain.node.ports import BookEntryView, BookView, PeerRefusal, PeerView
from p2pchain.node.progress import SyncView
from p2pchain.node.room import Room
from p2pchain.node.trial import Trial
from p2pchain.node.views import (
    AccountView,
    BlockView,
    DelegateView,
    EvidenceView,
    PoolView,
    ScheduleView,
    StatusView,
    TermsView,
    TransactionView,
)
from p2pchain.wire.messages import Tips

Json = dict[str, object]

_ACCOUNT_FIELDS = frozenset({"recipient", "delegate", "account", "sender"})
_AMOUNT_FIELDS = frozenset({"amount", "stake", "fee", "reward", "balance"})


class Addresses:
    """Accounts as text.  Encoding one costs 33 us and lists name the same accounts again and again, so the latest are kept."""

    _KEPT_MAX = 4_096
    """About 1 MB."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._kept: OrderedDict[bytes, str] = OrderedDict()

    def __call__(self, account: bytes) -> str:
        text = self._kept.get(account)
        if text is None:
            text = self._kept[account] = encode_address(self.prefix, AccountId(account))
            if len(self._kept) > self._KEPT_MAX:
                self._kept.popitem(last=False)
        return text

    def or_none(self, account: bytes | None) -> str | None:
        return None if account is None else self(account)


def subject_view(subject: Subject) -> Json:
    return {"height": subject.height, "slot": subject.slot, "hash": subject.block.hex()}


def status_view(status: StatusView, addresses: Addresses) -> Json:
    return {
        "chain_id": status.chain_id.hex(),
        "node_id": status.node_id.hex(),
        "version": status.version,
        "head": subject_view(status.head),
        "final": subject_view(status.final),
        "peers": status.peers,
        "syncing": status.syncing,
        "mempool": {
            "transactions": status.pool_transactions,
            "bytes": status.pool_bytes,
            "fee_per_byte_min": str(status.pool_fee_floor),
        },
        "name": status.name,
        "slot": status.slot,
        "leader": addresses.or_none(status.leader),
        "delegate": addresses.or_none(status.delegate),
        "producing": status.producing,
        "condition": status.condition,
        "protocol": status.protocol,
        "protocol_supported": status.protocol_supported,
        "requirement": None if status.requirement is None else status.requirement._asdict(),
        "sync": None if status.sync is None else sync_view(status.sync),
        "room": None if status.room is None else room_view(status.room),
        "clock_offset_ms": status.clock_offset_ms,
        "blocks_from": status.blocks_from,
        "index": None if status.indexed is None else index_view(status.indexed),
        "lacking": None if status.lack is None else status.lack._asdict(),
    }


def sync_view(sync: SyncView) -> Json:
    rate = sync.blocks_per_s
    return {
        "from": sync.from_height,
        "at": sync.at,
        "to": sync.to,
        "proven": sync.proven,
        "blocks_per_second": None if rate is None else round(rate, 1),
        "seconds_left": sync.seconds_left,
    }


def index_view(index: IndexView) -> Json:
    return {
        "from_height": index.from_height,
        "height": index.height,
        "built": index.is_built,
        "disk_bytes": index.disk_bytes,
        "failure": index.failure,
    }


def room_view(room: Room) -> Json:
    return {"free_bytes": room.free_bytes, "low_bytes": room.low_bytes, "end_bytes": room.end_bytes}


def terms_view(view: TermsView, addresses: Addresses) -> Json:
    return {
        "version": view.terms.version,
        "params": {name: value for name, value, _, _ in view.terms.params.bounds()},
        "votes_needed": view.votes_needed,
        "proposals": [{**change_view(change), "voters": [addresses(voter) for voter in voters]} for change, voters in view.proposals],
        "scheduled": [change_view(change) for change in view.scheduled],
        **subject_view(view.subject),
    }


def change_view(change: Change) -> Json:
    return {"height": change.height, "version": change.version, "values": named_values(change)}


def account_view(account: AccountView, addresses: Addresses) -> Json:
    return {
        "address": addresses(account.account),
        "balance": str(account.balance),
        "nonce": account.nonce,
        "next_nonce": account.next_nonce,
        "stake": str(sum(position.amount for position in account.positions)),
        "positions": [
            {"delegate": addresses(position.delegate), "amount": str(position.amount), "reward": str(position.reward)}
            for position in account.positions
        ],
        "unbonding": [{"amount": str(item.amount), "release_slot": item.release_slot} for item in account.unbonding],
        "delegate": None if account.delegate is None else delegate_view(account.delegate, addresses),
        **subject_view(account.subject),
    }


def delegate_view(delegate: DelegateView, addresses: Addresses) -> Json:
    return {
        "address": addresses(delegate.account),
        "consensus_key": delegate.consensus_key.hex(),
        "commission_bps": delegate.commission_bps,
        "stake": str(delegate.stake),
        "weight": delegate.weight,
        "active": delegate.active,
        "retired": delegate.retired,
        "produced": delegate.produced,
        "missed": delegate.missed,
        "convicted": delegate.convicted,
        "slashed_bps": delegate.slashed_bps,
        "missed_in_row": delegate.missed_in_row,
        "demoted": delegate.demoted,
        "standing": delegate.standing,
        "rank": delegate.rank,
        "last_ballot_slot": delegate.last_ballot_slot,
        "last_miss": None if delegate.last_miss is None else miss_view(delegate.last_miss, addresses),
    }


def miss_view(missed: SlotMissed, addresses: Addresses) -> Json:
    code = missed.code or None
    return {"slot": missed.slot, "delegate": addresses(missed.delegate), "reason": missed.reason.value, "code": code}


def schedule_view(schedule: ScheduleView, spec: ChainSpec, addresses: Addresses) -> Json:
    turns = [
        {
            "slot": turn.slot,
            "round": turn.round,
            "starts_ms": spec.slot_start_ms(turn.slot),
            "delegate": addresses(turn.delegate.account),
            "consensus_key": turn.delegate.consensus_key.hex(),
        }
        for turn in schedule.turns
    ]
    return {"round": schedule.round, "slot": schedule.slot, "turns": turns, "as_of": subject_view(schedule.subject)}


def block_view(view: BlockView, *, with_proofs: bool) -> Json:
    """A block and the ids of its transactions; `with_proofs` adds the bytes of its certificates, for whoever checks them."""
    block, header = view.block, view.block.header
    return {
        "hash": block.id.hex(),
        "height": header.height,
        "slot": header.slot,
        "parent": header.parent.hex(),
        "producer": header.producer.hex(),
        "state_root": header.state_root.hex(),
        "set_id": header.set_id.hex(),
        "transactions_root": header.transactions_root.hex(),
        "reveal": header.reveal.hex(),
        "commitment": header.commitment.hex(),
        "transactions": [item.hex() for item in view.ids],
        "certificate": certificate_view(block.certificate, with_raw=with_proofs),
        "status": view.status,
        "votes": certificate_view(view.votes, with_raw=with_proofs),
        "confirms": certificate_view(view.confirms, with_raw=with_proofs),
        "time_ms": view.time_ms,
        "bytes": len(block.raw),
        "failed": failed_view(view.ids, view.failed),
    }


def failed_view(ids: Sequence[TransactionId], failed: Sequence[Failure]) -> list[Json]:
    """Those of a block's transactions that paid their fee and did nothing else."""
    return [{"id": ids[each.position].hex(), "index": each.position, "code": each.code} for each in failed]


def evidence_view(view: EvidenceView, addresses: Addresses) -> Json:
    """The id is short enough to be typed: nobody signs the same kind twice in one slot but in one offence."""
    offence = view.offence
    return {
        "id": f"{offence.key.hex()[:16]}-{offence.kind}-{offence.slot}",
        "delegate": addresses.or_none(view.delegate),
        "consensus_key": offence.key.hex(),
        "signed": offence.kind.value,
        "slot": offence.slot,
        "convicted": view.convicted,
        "first": view.first.hex(),
        "second": view.second.hex(),
    }


def certificate_view(certificate: Certificate | None, *, with_raw: bool) -> Json | None:
    if certificate is None:
        return None
    view: Json = {"kind": certificate.kind.name.lower(), **subject_view(certificate.subject)}
    view["voters"] = [key.hex() for key in certificate.signatures]
    return view | {"raw": certificate.raw.hex()} if with_raw else view


def transaction_view(view: TransactionView, addresses: Addresses) -> Json:
    shown: Json = {
        "id": view.id.hex(),
        "status": view.status,
        "height": view.height,
        "index": view.position,
        "error": None if view.code is None else {"code": view.code, "message": view.message},
    }
    return shown if view.transaction is None else shown | signed_view(view.transaction, addresses)


def signed_view(transaction: Transaction, addresses: Addresses) -> Json:
    """What the sender signed."""
    return {
        "sender": addresses(transaction.sender),
        "nonce": transaction.nonce,
        "valid_until": transaction.valid_until,
        "fee": str(transaction.fee),
        "bytes": len(transaction.raw),
        "actions": [action_view(action, addresses) for action in transaction.actions],
    }


def action_view(action: Action, addresses: Addresses) -> Json:
    return {"kind": action.NAME} | {name: _field_view(name, value, addresses) for name, value in action.view().items()}


def _field_view(name: str, value: object, addresses: Addresses) -> object:
    """New kinds of action need no change here as long as they name accounts and amounts as the others do."""
    if isinstance(value, bytes):
        return addresses(value) if name in _ACCOUNT_FIELDS else value.hex()
    if name in _AMOUNT_FIELDS and isinstance(value, int):
        return str(value)
    return value


def result_view(result: SubmitResult) -> Json:
    item = None if result.id is None else result.id.hex()
    error = None if result.code is None else error_view(result.code, result.message, result.evidence)
    return {"id": item, "status": result.status, "error": error}


def trial_view(trial: Trial) -> Json:
    return {
        "id": None if trial.id is None else trial.id.hex(),
        "outcome": trial.outcome,
        "error": None if trial.code is None else error_view(trial.code, trial.message, trial.evidence),
        "fee": None if trial.fee is None else str(trial.fee),
        "fee_least": None if trial.fee_least is None else str(trial.fee_least),
    }


def untried_view(code: str, message: str) -> Json:
    """A simulated item that is no transaction at all."""
    return {"id": None, "outcome": "refused", "error": error_view(code, message, {}), "fee": None, "fee_least": None}


def rejected_view(code: str, message: str, **evidence: Evidence) -> Json:
    """A submitted item that is no transaction at all."""
    return {"id": None, "status": "rejected", "error": error_view(code, message, evidence)}


def pool_view(pool: PoolView, addresses: Addresses) -> Json:
    return {
        "transactions": pool.transactions,
        "bytes": pool.bytes,
        "transactions_max": pool.transactions_max,
        "bytes_max": pool.bytes_max,
        "fee_per_byte_min": str(pool.fee_per_byte_min),
        "items": [{"id": item.id.hex(), **signed_view(item, addresses)} for item in pool.items],
    }


def peer_view(peer: PeerView, tips: Tips | None) -> Json:
    return {
        "node_id": peer.node_id,
        "address": peer.address,
        "outbound": peer.outbound,
        "agent": peer.agent,
        "connected_ms": peer.connected_ms,
        "bytes_in": peer.bytes_in,
        "bytes_out": peer.bytes_out,
        "came_from": peer.came_from,
        "head": None if tips is None else subject_view(tips.head),
        "final": None if tips is None else subject_view(tips.final),
        "blocks_from": None if tips is None else tips.blocks_from,
    }


def book_view(book: BookView) -> Json:
    """Its sizes, as they stand beside the peers."""
    return {"new": book.new, "tried": book.tried, "announced": list(book.announced)}


def book_entry_view(entry: BookEntryView) -> Json:
    return {
        "node_id": entry.node_id,
        "addresses": list(entry.addresses),
        "told_by": entry.told_by,
        "tried": entry.tried,
        "met_ms": entry.met_ms,
        "expires_ms": entry.expires_ms,
        "failures": entry.failures,
        "anchor": entry.anchor,
    }


def refusal_view(refusal: PeerRefusal) -> Json:
    return {
        "address": refusal.address,
        "node_id": refusal.node_id,
        "reason": refusal.reason,
        "message": refusal.message,
        "at_ms": refusal.at_ms,
        "times": refusal.times,
    }
