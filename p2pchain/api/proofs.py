"""`GET /v1/accounts/{address}/proof`, `/v1/rows/{key}/proof`, `/v1/transactions/{id}/proof`: answers that need not be believed.

`proof` is the whole proof as `chain.proof_files` reads it; what stands beside it says the same for people and other tools.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from p2pchain.api.context import Context
from p2pchain.api.errors import ApiError, JsonResponse
from p2pchain.api.openapi import ADDRESS, AMOUNT, HASH, HEX, INTEGER, Answer, Endpoint, Parameter, Schema, array, or_null, record
from p2pchain.api.parameters import bad_path, parse_hash, query_of
from p2pchain.api.views import Json
from p2pchain.chain.address import decode_address
from p2pchain.chain.block import block_id, decode_header
from p2pchain.chain.finality_proof import FinalityProof
from p2pchain.chain.proof_files import PROOF_BYTES_MAX, ROW_KEY_BYTES_MAX, Proof, encode_proof
from p2pchain.chain.state import ACCOUNTS
from p2pchain.chain.state_proofs import RowProof
from p2pchain.chain.types import TransactionId
from p2pchain.node.proofs import UnprovenError


async def get_account_proof(context: Context, request: Request) -> Response:
    query_of(request)
    account = decode_address(context.spec.address_prefix, request.path_params["address"])
    proof = _row(context, ACCOUNTS.key(account))
    row = None if proof.value is None else ACCOUNTS.decode(proof.value)
    shown = None if row is None else {"balance": str(row.balance), "nonce": row.nonce}
    return JsonResponse({"address": context.addresses(account), "account": shown} | _row_view(proof))


async def get_row_proof(context: Context, request: Request) -> Response:
    query_of(request)
    return JsonResponse(_row_view(_row(context, _key_of(request.path_params["key"]))))


async def get_transaction_proof(context: Context, request: Request) -> Response:
    query_of(request)
    text = request.path_params["id"]
    item = parse_hash(text)
    if item is None:
        raise bad_path("id", text, "64 hex digits")
    try:
        proof = context.queries.transaction_proof(TransactionId(item))
    except UnprovenError as error:
        raise _unproven(error) from None
    if proof is None:
        view = context.queries.transaction(TransactionId(item))
        if view is None:
            message = f"transaction {item.hex()} is neither pending nor in a block that this node has"
            raise ApiError(404, "unknown_transaction", message, id=item)
        raise ApiError(404, "not_final", f"transaction {item.hex()} is {view.status}: only what is final has a proof", id=item)
    view_of = {"id": item.hex(), "index": proof.position, "transactions": proof.total, "transaction": proof.transaction.hex()}
    return JsonResponse(view_of | {"path": [part.hex() for part in proof.path]} | _view(proof))


def _row(context: Context, key: bytes) -> RowProof:
    try:
        return context.queries.row_proof(key)
    except UnprovenError as error:
        raise _unproven(error) from None


def _unproven(error: UnprovenError) -> ApiError:
    return ApiError(503, "no_proof", str(error)).with_headers({"Retry-After": "1"})


def _key_of(text: str) -> bytes:
    wanted = f"2 to {2 * ROW_KEY_BYTES_MAX} hex digits"
    try:
        key = bytes.fromhex(text) if text.isalnum() else b""
    except ValueError:
        key = b""
    if not 1 <= len(key) <= ROW_KEY_BYTES_MAX:
        raise bad_path("key", text, wanted)
    return key


def _row_view(proof: RowProof) -> Json:
    value = None if proof.value is None else proof.value.hex()
    return {"key": proof.key.hex(), "value": value, "nodes": [node.hex() for node in proof.nodes]} | _view(proof)


def _view(proof: Proof) -> Json:
    data = encode_proof(proof)
    if len(data) > PROOF_BYTES_MAX:
        message = f"the proof has {len(data)} bytes, at most {PROOF_BYTES_MAX} are read"
        raise ApiError(503, "no_proof", message, found=len(data), wanted=PROOF_BYTES_MAX)
    return _finality(proof.finality) | {"proof": data.hex()}


def _finality(finality: FinalityProof) -> Json:
    header = decode_header(finality.headers[0])
    return {
        "height": header.height,
        "slot": header.slot,
        "hash": block_id(finality.headers[0]).hex(),
        "headers": [raw.hex() for raw in finality.headers],
        "certificate": finality.certificate.hex(),
    }


_FINALITY: dict[str, Schema] = {"height": INTEGER, "slot": INTEGER, "hash": HASH, "headers": array(HEX), "certificate": HEX, "proof": HEX}
_ROW: dict[str, Schema] = {"key": HEX, "value": or_null(HEX), "nodes": array(HEX), **_FINALITY}
_ACCOUNT = record(address=ADDRESS, account=or_null(record(balance=AMOUNT, nonce=INTEGER)), **_ROW)
_TRANSACTION = record(id=HASH, index=INTEGER, transactions=INTEGER, transaction=HEX, path=array(HASH), **_FINALITY)

ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/accounts/{address}/proof",
        get_account_proof,
        "What an account holds as of the last final block, or that it does not exist, with the proof of it",
        (Answer(200, "The account, null where it does not exist, and the proof, as bytes and taken apart", _ACCOUNT),),
        (Parameter("address", ADDRESS, "The account"),),
        (400, 503),
    ),
    Endpoint(
        "GET",
        "/v1/rows/{key}/proof",
        get_row_proof,
        "The same of any row of the state",
        (Answer(200, "The row, null where it does not exist, and the proof", record(**_ROW)),),
        (Parameter("key", HEX, "The row's key in hex: a letter and an id, as the protocol lists them"),),
        (400, 503),
    ),
    Endpoint(
        "GET",
        "/v1/transactions/{id}/proof",
        get_transaction_proof,
        "That a transaction is part of a final block, with the proof of it",
        (Answer(200, "Its place in the block, and the proof", _TRANSACTION),),
        (Parameter("id", HASH, "The transaction's id"),),
        (400, 404, 503),
    ),
)
