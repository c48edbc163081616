"""What discovery costs and how long it takes: `.venv/bin/python -m tests.net.discovery_figures`."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from random import Random
from time import process_time

import trio

from p2pchain.net.book.book import ENTRIES_MAX, AddressBook
from p2pchain.net.book.encoding import decode_book, encode_book
from p2pchain.net.settings import Tempo
from p2pchain.wire.messages import PEERS_MAX
from p2pchain.wire.peer_record import PeerRecord, decode_record, is_genuine, sign_record
from tests.net.discovering import host_of, outbound, signer_of, start, stranger_record
from tests.net.fakes import CHAIN, NODE_SIGNERS, NOW_MS, World

NODES, WANTED = len(NODE_SIGNERS), 4
RUNS = 5


def main() -> None:
    record = stranger_record(1, "198.51.100.1")
    tell("a record", f"{len(record.raw)} bytes")
    signing = best(lambda: sign_record(signer_of(1), CHAIN, record.endpoints, NOW_MS))
    tell("signed", f"{signing * 1e6:.0f} us")
    tell(f"an answer of {PEERS_MAX} records read and checked", f"{PEERS_MAX * best(lambda: read(record)) * 1e3:.1f} ms")
    tracemalloc.start()
    book = full_book(record)
    tell(
        "the fullest book that one could fill",
        f"{len(book):,} of {ENTRIES_MAX:,} entries, {tracemalloc.get_traced_memory()[0] / 2**20:.1f} MiB",
    )
    tracemalloc.stop()
    data = encode_book(book, CHAIN)
    tell("its file", f"{len(data) / 2**20:.1f} MiB")
    tell("encoded", f"{best(lambda: encode_book(book, CHAIN)) * 1e3:.0f} ms")
    tell("read back and checked", f"{best(lambda: decode_book(data, CHAIN)) * 1e3:.0f} ms")
    tell("whom to dial, chosen in it", f"{best(lambda: book.choose(Random(1), lambda _: True)) * 1e3:.1f} ms")
    tell("... and found that there is nobody", f"{best(lambda: book.choose(Random(1), lambda _: False)) * 1e3:.1f} ms")
    took_s = trio.run(join_s)
    tell(f"{NODES} nodes that know one seed, until all have {WANTED} outbound peers, as configured by default", f"{took_s:.1f} s")


def tell(what: str, figure: str) -> None:
    print(f"| {what} | {figure} |")  # noqa: T201


def best(act: Callable[[], object]) -> float:
    spent = []
    for _ in range(RUNS):
        before = process_time()
        act()
        spent.append(process_time() - before)
    return min(spent)


def read(record: PeerRecord) -> None:
    assert is_genuine(decode_record(record.raw), CHAIN)


def full_book(record: PeerRecord) -> AddressBook:
    """Each entry with bytes of its own, as from the wire."""
    book, random = AddressBook(bytes(32)), Random(1)
    for number in range(60_000):
        host = f"{random.randrange(20, 90)}.{random.randrange(256)}.0.1"
        each = record._replace(node_key=number.to_bytes(32, "big"), endpoints=(record.endpoints[0]._replace(host=host),))
        teller = f"{random.randrange(20, 90)}.{random.randrange(256)}.0.1"
        if book.add(each._replace(raw=bytes(bytearray(record.raw))), teller, NOW_MS) and number % 4 == 0:
            book.met(each.node_key, each.endpoints[0], NOW_MS)
    return book


async def join_s() -> float:
    async with trio.open_nursery() as nursery:
        world = World(nursery)
        seed = await start(world, 0, listen=f"{host_of(100)}:0", tempo=Tempo(), peers_out_max=0)
        began_s = trio.current_time()
        nodes = [await start(world, number, seeds=(seed.address,), tempo=Tempo(), peers_out_max=WANTED) for number in range(1, NODES)]
        await world.until(lambda: all(outbound(node) == WANTED for node in nodes))
        took_s = trio.current_time() - began_s
        nursery.cancel_scope.cancel()
    return took_s


if __name__ == "__main__":
    main()
