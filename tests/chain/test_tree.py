from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.block import Block, Header
from p2pchain.chain.errors import Code, Invalid, NotYet, Refusal
from p2pchain.chain.params import Params
from p2pchain.chain.schedule import Schedule
from p2pchain.chain.state import ActiveDelegate, Changes, Globals
from p2pchain.chain.terms import Terms
from p2pchain.chain.transition import Executed
from p2pchain.chain.tree import BLOCKS_PER_TURN_MAX, CERTIFIED_FACTOR, Node, Root, Tree
from p2pchain.chain.types import ZERO_HASH, BlockId, Hash, Height, PublicKey, Signature, Slot
from p2pchain.chain.votes import Certificate, Kind, Subject, make_certificate
from tests.fakes.chain import ChainMaker, make_genesis


def key(number: int) -> PublicKey:
    return PublicKey(bytes([number]) * 32)


def schedule(*members: int, start: int = 1, unfinal_blocks_max: int = 8) -> Schedule:
    active = tuple(ActiveDelegate(key(number), key(number), 1_000) for number in members)
    return Schedule(Globals(0, start, ZERO_HASH, ZERO_HASH, active, 0, 0, 0), Terms(1, Params(unfinal_blocks_max=unfinal_blocks_max)))


FOUR = schedule(1, 2, 3, 4)
GENESIS = Subject(Slot(0), Height(0), BlockId(b"\xff" * 32))
numbers = count(1)


class Store:
    """Final rows, and how often they were read."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {b"row": b"base"}

    def get(self, item: bytes, /) -> bytes | None:
        return self.rows.get(item)

    def node(self, place: bytes, /) -> bytes | None:
        raise AssertionError(f"the tree asks for no node, {place.hex()}")


class Garden:
    """A tree of blocks that nobody executed."""

    def __init__(self, above: Schedule = FOUR) -> None:
        self.store = Store()
        self.tree = Tree(Root(GENESIS, ZERO_HASH, above), self.store)

    def block(self, parent: Node, slot: int, *, certificate: Certificate | None = None) -> Block:
        header = Header(
            Height(parent.height + 1),
            Slot(slot),
            parent.id,
            PublicKey(parent.schedule.turn(slot).delegate.consensus_key),
            Hash(bytes(32)),
            Hash(bytes(32)),
            Hash(bytes(32)),
            Hash(bytes(32)),
            Hash(bytes(32)),
            Hash(bytes(32)),
        )
        return Block(BlockId(next(numbers).to_bytes(32, "big")), header, b"", Signature(bytes(64)), certificate, (), b"")

    def grow(self, parent: Node, slot: int, *, above: Schedule | None = None, rows: dict[bytes, bytes] | None = None) -> Node:
        block = self.block(parent, slot)
        changes = Changes({b"row": slot.to_bytes(2, "big")} if rows is None else rows, Hash(slot.to_bytes(32, "big")))
        return self.tree.add(self.tree.parent_of(block), block, Executed(changes, above or parent.schedule, [], []))

    def line(self, parent: Node, slots: Sequence[int]) -> list[Node]:
        nodes = []
        for slot in slots:
            parent = self.grow(parent, slot)
            nodes.append(parent)
        return nodes

    def certify(self, node: Node, voters: Collection[int] = (1, 2, 3)) -> bool:
        return self.tree.certify(node, certificate(node.subject, voters))

    def refusal(self, block: Block, *, bounded: bool = True) -> Refusal:
        before = len(self.tree)
        with pytest.raises(Refusal) as caught:
            self.tree.parent_of(block, bounded=bounded)
        assert len(self.tree) == before
        return caught.value


def altered(block: Block, **changes: Any) -> Block:
    """The block with another header."""
    return block._replace(header=block.header._replace(**changes))


def certificate(subject: Subject, voters: Collection[int] = (1, 2, 3), kind: Kind = Kind.VOTE) -> Certificate:
    return make_certificate(kind, subject, {key(number): Signature(bytes(64)) for number in voters})


@pytest.fixture
def garden() -> Garden:
    return Garden()


# --- what may stand above what


def test_a_block_of_the_leader_in_a_later_slot_finds_its_parent(garden: Garden) -> None:
    root = garden.tree.root
    for slot in (1, 2, 50):
        assert garden.tree.parent_of(garden.block(root, slot)) is root
    first = garden.grow(root, 3)
    assert garden.tree.parent_of(garden.block(first, 4)) is first


@pytest.mark.parametrize(
    ("changes", "family", "code"),
    [
        ({"height": Height(1)}, NotYet, Code.BELOW_FINAL),
        ({"height": Height(0)}, NotYet, Code.BELOW_FINAL),
        ({"parent": BlockId(bytes(32))}, NotYet, Code.UNKNOWN_PARENT),
        ({"height": Height(4)}, Invalid, Code.WRONG_HEIGHT),
        ({"height": Height(2)}, Invalid, Code.WRONG_HEIGHT),
        ({"slot": Slot(5)}, Invalid, Code.WRONG_SLOT),
        ({"slot": Slot(4)}, Invalid, Code.WRONG_SLOT),
        ({"slot": Slot(1)}, Invalid, Code.WRONG_SLOT),
        ({"producer": key(9)}, Invalid, Code.WRONG_PRODUCER),
    ],
)
def test_a_block_out_of_place_is_refused(garden: Garden, changes: dict[str, object], family: type[Refusal], code: Code) -> None:
    final, parent = garden.line(garden.tree.root, (3, 5))
    garden.tree.finalise(final)
    refusal = garden.refusal(altered(garden.block(parent, 6), **changes))
    assert isinstance(refusal, family)
    assert refusal.code is code


def test_only_the_leader_of_the_slot_may_fill_it(garden: Garden) -> None:
    root = garden.tree.root
    leader = root.schedule.turn(7).delegate.consensus_key
    for number in (1, 2, 3, 4):
        block = altered(garden.block(root, 7), producer=key(number))
        if key(number) == leader:
            assert garden.tree.parent_of(block) is root
        else:
            assert garden.refusal(block).evidence == {"wanted": leader}


def test_a_slot_before_the_round_of_the_parent_is_refused() -> None:
    garden = Garden(schedule(1, 2, 3, 4, start=10))
    assert garden.refusal(altered(garden.block(garden.tree.root, 10), slot=Slot(9))).code is Code.WRONG_SLOT


def test_a_block_below_the_final_one_is_nobodys_fault(garden: Garden) -> None:
    """It may be right, only late: who sends it is not punished."""
    one, other = garden.grow(garden.tree.root, 1), garden.grow(garden.tree.root, 2)
    late = garden.block(garden.tree.root, 3)
    above = garden.block(other, 4)
    garden.tree.finalise(one)
    assert isinstance(garden.refusal(late), NotYet)
    assert garden.refusal(above).code is Code.UNKNOWN_PARENT


def test_a_third_block_of_a_leader_in_its_slot_teaches_nothing(garden: Garden) -> None:
    for _ in range(BLOCKS_PER_TURN_MAX):
        garden.grow(garden.tree.root, 5)
    third = garden.block(garden.tree.root, 5)
    refusal = garden.refusal(third)
    assert isinstance(refusal, NotYet)
    assert refusal.code is Code.DUPLICATE
    assert garden.tree.parent_of(garden.block(garden.tree.root, 6)) is garden.tree.root


def test_a_third_block_is_taken_where_others_made_it_final(garden: Garden) -> None:
    """Or one leader could lock a node out for good by sending it two blocks and everybody else a third."""
    for _ in range(BLOCKS_PER_TURN_MAX):
        garden.grow(garden.tree.root, 5)
    assert garden.tree.parent_of(garden.block(garden.tree.root, 5), bounded=False) is garden.tree.root


# --- the bound of unfinal blocks


def test_a_branch_without_certificates_ends_at_the_bound(garden: Garden) -> None:
    *_, tip = garden.line(garden.tree.root, range(1, 9))
    refusal = garden.refusal(garden.block(tip, 9))
    assert isinstance(refusal, NotYet)
    assert refusal.code is Code.UNFINAL_LIMIT
    assert garden.tree.parent_of(garden.block(tip, 9), bounded=False) is tip


def test_a_certified_tip_has_room_above_it(garden: Garden) -> None:
    *_, tip = garden.line(garden.tree.root, range(1, 9))
    carried = garden.block(tip, 9, certificate=certificate(tip.subject))
    assert garden.tree.parent_of(carried) is tip
    garden.certify(tip)
    assert garden.tree.parent_of(garden.block(tip, 9)) is tip


def test_a_carried_certificate_makes_room_only_for_the_parent_and_with_a_quorum(garden: Garden) -> None:
    *_, below, tip = garden.line(garden.tree.root, range(1, 9))
    for carried in (
        certificate(below.subject),
        certificate(tip.subject, (1, 2)),
        certificate(tip.subject, (1, 2, 8, 9)),
        certificate(tip.subject._replace(height=Height(7))),
    ):
        assert garden.refusal(garden.block(tip, 9, certificate=carried)).code is Code.UNFINAL_LIMIT


def test_a_certified_branch_grows_the_slower_the_longer_it_is_and_never_ends() -> None:
    garden = Garden(schedule(1, 2, 3, 4, unfinal_blocks_max=2))
    tree, tip, longest = garden.tree, garden.tree.root, 2 * CERTIFIED_FACTOR
    for depth in range(4 * longest):
        pause = max(1, depth // longest)
        if pause > 1:
            assert garden.refusal(garden.block(tip, tip.slot + pause - 1)).code is Code.UNFINAL_LIMIT
        tip = garden.grow(tip, tip.slot + pause)
        garden.certify(tip)
    assert (tree.depth(tip), tip.slot) == (4 * longest, 7 * longest)


def test_beside_a_long_certified_branch_there_is_room_for_what_is_new() -> None:
    garden = Garden(schedule(1, 2, 3, 4, unfinal_blocks_max=2))
    tip, slot = garden.tree.root, 0
    while garden.tree.depth(tip) < 2 * garden.tree.blocks_max:
        slot += max(1, garden.tree.depth(tip) // garden.tree.certified_bound)
        tip = garden.grow(tip, slot)
        garden.certify(tip)
    rivals = garden.tree.certified_bound + 1
    new = [garden.grow(tip, slot + 10 + number) for number in range(rivals)]
    assert garden.tree.prune(()) == new[:1]


def test_finality_makes_room_again(garden: Garden) -> None:
    nodes = garden.line(garden.tree.root, range(1, 9))
    garden.tree.finalise(nodes[0])
    assert garden.tree.parent_of(garden.block(nodes[-1], 9)) is nodes[-1]


# --- counting


@pytest.mark.parametrize(
    ("voters", "holds"),
    [((), False), ((1, 2), False), ((1, 2, 3), True), ((2, 3, 4), True), ((1, 2, 3, 4), True), ((1, 2, 7, 8, 9), False)],
)
def test_a_quorum_is_of_those_who_have_a_vote(garden: Garden, voters: tuple[int, ...], *, holds: bool) -> None:
    node = garden.grow(garden.tree.root, 1)
    assert garden.tree.has_quorum(node, {key(number) for number in voters}) is holds
    assert garden.certify(node, voters) is holds
    assert (node.certificate is not None) is holds


@pytest.mark.parametrize(
    ("voters", "holds"),
    [
        ((1, 2, 3, 4), False),
        ((4, 5, 6, 7), False),
        ((1, 2, 3), False),
        ((5, 6, 7), False),
        ((1, 2, 3, 5, 6, 7), True),
        ((2, 3, 4, 5, 6), True),
        ((1, 2, 4, 5, 6), True),
        ((1, 2, 5, 6, 7), False),
        ((1, 2, 3, 4, 5), False),
    ],
)
def test_at_a_change_of_the_set_old_and_new_must_both_agree(voters: tuple[int, ...], *, holds: bool) -> None:
    """Old set 1 to 4, new set 4 to 7: above the block that announces it, while that is not final."""
    garden = Garden()
    announces = garden.grow(garden.tree.root, 4, above=schedule(4, 5, 6, 7, start=5))
    above = garden.grow(announces, 5)
    keys = {key(number) for number in voters}
    assert garden.tree.has_quorum(above, keys) is holds
    assert garden.tree.has_quorum(announces, keys) is (len(keys & FOUR.keys) >= 3)
    assert garden.tree.voters(announces) == FOUR.keys
    assert garden.tree.voters(above) == {key(number) for number in range(1, 8)}


def test_once_the_change_is_final_the_new_set_decides_alone() -> None:
    garden = Garden()
    announces = garden.grow(garden.tree.root, 4, above=schedule(5, 6, 7, 8, start=5))
    above = garden.grow(announces, 5)
    new = {key(number) for number in (5, 6, 7)}
    assert not garden.tree.has_quorum(above, new)
    garden.tree.finalise(announces)
    assert garden.tree.has_quorum(above, new)
    assert garden.tree.voters(above) == {key(number) for number in (5, 6, 7, 8)}


def test_a_change_on_one_branch_does_not_concern_the_other() -> None:
    garden = Garden()
    garden.grow(garden.grow(garden.tree.root, 4, above=schedule(5, 6, 7, 8, start=5)), 5)
    other = garden.grow(garden.grow(garden.tree.root, 3), 5)
    assert garden.tree.has_quorum(other, {key(number) for number in (1, 2, 3)})
    assert garden.tree.voters(other) == FOUR.keys


def test_a_block_is_certified_once_and_the_root_never(garden: Garden) -> None:
    node = garden.grow(garden.tree.root, 1)
    assert garden.certify(node)
    first = node.certificate
    assert not garden.certify(node, (1, 2, 3, 4))
    assert node.certificate is first
    assert not garden.certify(garden.tree.root)


# --- fork choice


def test_the_head_of_a_new_tree_is_its_root(garden: Garden) -> None:
    assert garden.tree.head() is garden.tree.root is garden.tree.newest_certified()


def test_without_certificates_the_newest_slot_leads_whatever_its_height(garden: Garden) -> None:
    garden.line(garden.tree.root, (1, 2, 3))
    newest = garden.grow(garden.tree.root, 4)
    assert garden.tree.head() is newest


def test_of_two_blocks_in_a_slot_the_first_received_leads(garden: Garden) -> None:
    first, _ = garden.grow(garden.tree.root, 1), garden.grow(garden.tree.root, 1)
    assert garden.tree.head() is first
    above = garden.grow(first, 2)
    garden.grow(garden.tree.root, 2)
    assert garden.tree.head() is above


@pytest.mark.parametrize("first_slot", [1, 2])
def test_the_first_received_leads_on_whichever_branch_it_is(garden: Garden, first_slot: int) -> None:
    branches = {slot: garden.grow(garden.tree.root, slot) for slot in (1, 2)}
    first = garden.grow(branches[first_slot], 5)
    garden.grow(branches[3 - first_slot], 5)
    assert garden.tree.head() is first


def test_a_certified_block_leads_over_newer_ones_beside_it(garden: Garden) -> None:
    certified = garden.grow(garden.tree.root, 1)
    garden.line(garden.tree.root, (2, 3, 4))
    garden.certify(certified)
    assert garden.tree.head() is certified
    above = garden.grow(certified, 2)
    assert garden.tree.head() is above


def test_of_two_certified_blocks_the_newer_slot_leads(garden: Garden) -> None:
    old = garden.line(garden.tree.root, (1, 2, 3))
    new = garden.grow(garden.tree.root, 4)
    for node in (*old, new):
        garden.certify(node)
    assert garden.tree.newest_certified() is new
    above = garden.grow(old[-1], 9)
    assert garden.tree.head() is new
    garden.certify(above)
    assert garden.tree.head() is above


def test_the_head_is_never_beside_the_final_block(garden: Garden) -> None:
    rival = garden.line(garden.tree.root, (1, 3, 5))
    for node in rival:
        garden.certify(node)
    final = garden.grow(garden.tree.root, 2)
    assert garden.tree.head() is rival[-1]
    garden.tree.finalise(final)
    assert garden.tree.head() is final is garden.tree.root


# --- finality


def test_finality_takes_the_ancestors_and_drops_the_siblings(garden: Garden) -> None:
    one, two, three = garden.line(garden.tree.root, (1, 2, 5))
    beside_one = garden.line(garden.tree.root, (3, 4))
    beside_two = garden.grow(one, 6)
    beside_three = garden.grow(two, 7)
    above = garden.grow(three, 8)
    path, dropped = garden.tree.finalise(two)
    assert path == [one, two]
    assert set(dropped) == {*beside_one, beside_two}
    assert garden.tree.root is two
    assert {node.id for node in garden.tree.nodes()} == {three.id, beside_three.id, above.id}
    assert len(garden.tree) == 3
    for node in (one, *beside_one, beside_two):
        assert node.id not in garden.tree
    assert garden.tree.path(above) == [three, above]
    assert garden.tree.depth(above) == 2


def test_a_block_extends_itself_and_what_is_below_down_to_the_root(garden: Garden) -> None:
    one, two, three = garden.line(garden.tree.root, (1, 2, 3))
    other = garden.grow(one, 4)
    assert [garden.tree.extends(three, node.id) for node in (garden.tree.root, one, two, three, other)] == [True, True, True, True, False]
    garden.tree.finalise(two)
    assert [garden.tree.extends(three, node.id) for node in (two, three)] == [True, True]
    assert not garden.tree.extends(three, one.id), "below the final block nobody asks"


def test_what_is_final_reads_the_same_before_and_after_it_is_stored(garden: Garden) -> None:
    """Between finality and the disk the view still holds what the store does not have yet."""
    one = garden.grow(garden.tree.root, 1, rows={b"row": b"one", b"a": b"1"})
    two = garden.grow(one, 2, rows={b"row": b"two", b"b": b"2"})
    three = garden.grow(two, 3, rows={b"c": b"3"})
    early = garden.tree.view(three)
    garden.tree.finalise(one)
    garden.tree.finalise(two)
    wanted = {b"row": b"two", b"a": b"1", b"b": b"2", b"c": b"3"}
    late = garden.tree.view(three)
    assert garden.store.rows == {b"row": b"base"}
    for view in (early, late):
        assert {item: view.get(item) for item in wanted} == wanted
    assert garden.tree.view(two).get(b"row") == b"two"
    assert garden.tree.view(two).get(b"c") is None
    garden.store.rows |= {b"row": b"two", b"a": b"1", b"b": b"2"}
    garden.tree.settled()
    for view in (early, late, garden.tree.view(three)):
        assert {item: view.get(item) for item in wanted} == wanted
    assert garden.tree.view(garden.tree.root).get(b"row") == b"two"


def test_what_is_settling_is_newest_first_and_gone_once_settled(garden: Garden) -> None:
    one, two, three = garden.line(garden.tree.root, (1, 2, 3))
    before = garden.tree.durable
    garden.tree.finalise(two)
    garden.tree.finalise(three)
    assert garden.tree.settling == [three, two, one]
    assert garden.tree.durable is before
    garden.tree.settled()
    assert garden.tree.settling == []
    assert garden.tree.durable is three
    assert [node.changes for node in (one, two, three)] == [None] * 3


def test_a_view_of_a_branch_does_not_see_the_others(garden: Garden) -> None:
    one, other = (garden.grow(garden.tree.root, slot, rows={bytes([slot]): b"mine"}) for slot in (1, 2))
    assert garden.tree.view(one).get(b"\x02") is None
    assert garden.tree.view(other).get(b"\x02") == b"mine"
    assert garden.tree.view(garden.tree.root).get(b"\x02") is None


def test_what_a_block_is_executed_on_is_its_parent() -> None:
    """With real blocks: executing through the tree gives what the maker computed from plain dicts."""
    maker = ChainMaker(make_genesis())
    root = maker.root
    tree = Tree(Root(root.subject, root.changes.state_root, root.schedule), root.view)
    nodes = {root.subject.block: tree.root}
    first = maker.extend(root, transfers=3)
    beside = maker.extend(root, transfers=1, slot=2)
    for made in (first, beside, *maker.line(first, [2, 0, 4, 1]), maker.extend(beside, transfers=2)):
        parent = tree.parent_of(made.made)
        below = tree.execution_parent(parent)
        assert below.view.get(b"G") == maker_view(made.layers[1:], b"G")
        executed = Executed(made.changes, made.schedule, [], [])
        nodes[made.subject.block] = node = tree.add(parent, made.made, executed)
        assert {row: tree.view(node).get(row) for row in made.rows} == made.rows
        assert node.subject == made.subject


def maker_view(layers: Sequence[Changes], row: bytes) -> bytes | None:
    return next((layer.rows[row] for layer in layers if row in layer.rows), None)


# --- pruning


def full_garden() -> Garden:
    garden = Garden(schedule(1, 2, 3, 4, unfinal_blocks_max=2))
    assert garden.tree.blocks_max == 4 * CERTIFIED_FACTOR
    return garden


def test_nothing_is_pruned_within_the_bound() -> None:
    garden = full_garden()
    for slot in range(1, garden.tree.blocks_max + 1):
        garden.grow(garden.tree.root, slot)
    assert garden.tree.prune(set()) == []


def test_the_oldest_blocks_that_lead_nowhere_go_first() -> None:
    garden = full_garden()
    nodes = [garden.grow(garden.tree.root, slot) for slot in range(1, garden.tree.blocks_max + 4)]
    assert garden.tree.prune(set()) == nodes[:3]
    assert len(garden.tree) == garden.tree.blocks_max
    assert nodes[0].id not in garden.tree
    assert garden.tree.root.children == nodes[3:]


def test_protected_certified_and_inner_blocks_are_never_pruned() -> None:
    garden = full_garden()
    protected, certified, inner = (garden.grow(garden.tree.root, slot) for slot in (1, 2, 3))
    garden.certify(certified)
    tip = garden.grow(inner, 4)
    others = [garden.grow(garden.tree.root, slot) for slot in range(5, garden.tree.blocks_max + 4)]
    dropped = garden.tree.prune({protected.id, tip.id})
    assert dropped == others[: len(dropped)]
    assert dropped
    for node in (protected, certified, inner, tip):
        assert node.id in garden.tree


def test_a_pruned_tip_makes_its_parent_a_leaf() -> None:
    garden = full_garden()
    old, tip = garden.line(garden.tree.root, (1, 2))
    for slot in range(3, garden.tree.blocks_max + 3):
        garden.grow(garden.tree.root, slot)
    assert garden.tree.prune(set()) == [tip, old]


def test_where_nothing_may_go_pruning_ends() -> None:
    garden = full_garden()
    nodes = [garden.grow(garden.tree.root, slot) for slot in range(1, garden.tree.blocks_max + 4)]
    assert garden.tree.prune({node.id for node in nodes}) == []


# --- all together


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(1, 4), st.sampled_from(["grow", "grow", "grow", "certify", "final", "settle"])),
        max_size=60,
    )
)
def test_a_tree_stays_a_tree_whatever_happens(steps: list[tuple[int, int, str]]) -> None:
    garden = Garden(schedule(1, 2, 3, 4, unfinal_blocks_max=3))
    tree = garden.tree
    finals: list[BlockId] = [GENESIS.block]
    for pick, gap, kind in steps:
        nodes = [tree.root, *tree.nodes()]
        node = nodes[-1 - pick % len(nodes)]
        if kind == "grow":
            with suppress(NotYet):
                garden.grow(node, node.slot + gap)
            tree.prune({tree.head().id})
        elif kind == "certify":
            garden.certify(node)
        elif kind == "final":
            path, dropped = tree.finalise(node)
            finals += [member.id for member in path]
            assert not {member.id for member in dropped} & set(finals)
        else:
            tree.settled()
        head = tree.head()
        assert tree.extends(head, tree.root.id)
        certified = max((n for n in tree.nodes() if n.certificate is not None), key=lambda n: n.slot, default=tree.root)
        assert tree.newest_certified() is certified, "what is kept is what would be found anew"
        above = [n for n in (tree.root, *tree.nodes()) if tree.extends(n, certified.id)]
        assert head is max(above, key=lambda n: (n.slot, -n.received))
        assert tree.root.id == finals[-1]
        assert len(tree) <= max(tree.blocks_max, len(nodes))
        seen = {tree.root.id}
        for member in tree.nodes():
            assert member.parent is not None
            assert member.parent.id in seen, "parents come before children"
            assert member in member.parent.children
            assert member.height == member.parent.height + 1
            seen.add(member.id)
        assert {child.id for member in (tree.root, *tree.nodes()) for child in member.children} | {tree.root.id} == seen
    assert len(set(finals)) == len(finals)
