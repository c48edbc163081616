"""The shares of a batch are, together, exactly the batch: the newest row of each key, every place once, in key order."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.types import TransactionId
from p2pchain.storage.overlay import LAYER_BLOCKS_MAX, NODE_BYTES, Overlay, layer_of

ROWS = st.dictionaries(st.binary(min_size=1, max_size=2), st.binary(min_size=1, max_size=3), max_size=80)
HISTORY = st.lists(st.tuples(ROWS, st.integers(0, 40)), min_size=1, max_size=12)


def ids_of(height: int, number: int) -> list[TransactionId]:
    return [TransactionId(bytes((place * 37 % 256, height)) * 16) for place in range(number)]


def overlay_of(history: Sequence[tuple[dict[bytes, bytes], int]]) -> Overlay:
    overlay = Overlay()
    for height, (rows, number) in enumerate(history, start=1):
        overlay = overlay.with_layer(layer_of(height, rows, len(rows), ids_of(height, number)))
    return overlay


def read(overlay: Overlay, key: bytes) -> bytes | None:
    return next((layer.rows[key] for layer in overlay.readable() if key in layer.rows), None)


@given(HISTORY, st.integers(1, 30), st.data())
def test_shares_are_the_batch(history: list[tuple[dict[bytes, bytes], int]], parts: int, data: st.DataObject) -> None:
    rows = {key: value for changed, _ in history for key, value in changed.items()}
    places = {item: (height, place) for height, (_, number) in enumerate(history, 1) for place, item in enumerate(ids_of(height, number))}
    batch = overlay_of(history).with_batch(len(history), parts).batch
    found_rows: list[tuple[bytes, bytes]] = []
    found_places: list[tuple[TransactionId, tuple[int, int]]] = []
    while batch is not None and not batch.is_written:
        until = data.draw(st.integers(batch.done + 1, parts))
        found_rows += batch.rows_until(until).items()
        found_places += batch.places_until(until)
        batch = batch._replace(done=until)
    assert found_rows == sorted(rows.items())
    assert found_places == sorted(places.items())


@given(HISTORY)
def test_an_overlay_answers_like_a_dict_before_and_while_it_is_a_batch(history: list[tuple[dict[bytes, bytes], int]]) -> None:
    rows = {key: value for changed, _ in history for key, value in changed.items()}
    overlay = overlay_of(history)
    for shown in (overlay, overlay.with_batch(len(history), 20)):
        assert {key: read(shown, key) for key in rows} == rows
        assert read(shown, b"nowhere") is None
    assert overlay.blocks == len(history)
    assert all(layer.blocks <= LAYER_BLOCKS_MAX for layer in overlay.layers)


NODES = st.lists(ROWS, min_size=1, max_size=6)


@given(NODES, st.integers(1, 30), st.data())
def test_nodes_are_the_newest_of_each_place_and_their_shares_are_all_of_them(
    history: list[dict[bytes, bytes]], parts: int, data: st.DataObject
) -> None:
    overlay = Overlay()
    for height, made in enumerate(history, start=1):
        overlay = overlay.with_layer(layer_of(height, {b"k": b"v"}, 2, [])).with_nodes(made)
    nodes = {place: node for made in history for place, node in made.items()}
    begun = overlay.with_batch(len(history), parts)
    newer = begun.with_nodes({b"newer": b"node"})
    for shown in (overlay, begun, newer):
        assert {place: shown.node(place) for place in nodes} == nodes
        assert shown.node(b"nowhere") is None
    assert (begun.node(b"newer"), newer.node(b"newer")) == (None, b"node")
    assert overlay.size == NODE_BYTES * len(nodes) + 2 * len(history)
    assert (begun.size, newer.size) == (0, NODE_BYTES)
    batch, found = begun.batch, list[tuple[bytes, bytes]]()
    while batch is not None and not batch.is_written:
        until = data.draw(st.integers(batch.done + 1, parts))
        found += batch.nodes_until(until).items()
        batch = batch._replace(done=until)
    assert found == sorted(nodes.items())


def test_layers_stay_few() -> None:
    overlay = overlay_of([({b"k": b"v"}, 1)] * 20)
    assert [layer.blocks for layer in overlay.layers] == [4] * 5


def test_shares_are_about_equal() -> None:
    rows = {place.to_bytes(4, "big"): b"v" for place in range(0, 20_000, 3)}
    batch = overlay_of([(rows, 0)]).with_batch(1, 20).batch
    assert batch is not None
    sizes = [len(batch._replace(done=part).rows_until(part + 1)) for part in range(20)]
    assert sum(sizes) == len(rows)
    assert max(sizes) - min(sizes) <= 32
