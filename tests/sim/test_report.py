import re
from collections.abc import Iterator
from typing import get_args
from xml.etree import ElementTree as ET

import pytest

from p2pchain.sim import network_faults
from p2pchain.sim.findings import Violation
from p2pchain.sim.options import BadOption, Options
from p2pchain.sim.report import draw_page, validate_drawable
from p2pchain.sim.report.limits import CELL_MARKS_MAX, CELLS_FULL, CELLS_MAX
from p2pchain.sim.report.marks import MARKS
from p2pchain.sim.report.story import CUTS, read_story
from p2pchain.sim.run import Latency, Result, run
from p2pchain.sim.timeline import Kind, Moment, Timeline

HOSTILE = '</title><script>alert(\'x\')</script>" onload="x" &amp; \x00\x1b\ud800 https://evil.example'
SLOTS = [Moment(500 * number, number + 1, -1, "slot", {"number": number + 1}) for number in range(10)]


def result_of(*violations: Violation, nodes: int = 4, slots: int = 10, command: str = "p2pchain sim") -> Result:
    return Result(
        1, nodes, slots, "00ff", 3, violations, {"pool_full": 0, "lock_moved": 2}, Latency(0.1, 0.2, 0.3), ("crash",), command, 1.5
    )


def ballot(kind: Kind, ms: int, node: int, found: str, of_slot: int, height: int) -> Moment:
    return Moment(ms, ms // 500 + 1, node, kind, {"height": height, "block": found, "of_slot": of_slot})


def one_of_each() -> list[Moment]:
    return [
        *SLOTS,
        Moment(0, 1, 0, "start", {"height": 0}),
        Moment(510, 2, 1, "block", {"height": 1, "of_slot": 2}),
        ballot("vote", 520, 0, "aa", 2, 1),
        ballot("certified", 530, 0, "aa", 2, 1),
        ballot("confirm", 540, 0, "aa", 2, 1),
        ballot("final", 550, 0, "aa", 2, 1),
        ballot("vote", 560, 2, "bb", 2, 1),
        Moment(1_100, 3, 2, "crash", {}),
        Moment(1_200, 3, -1, "cut", {"ways": 4, "cause": 1}),
        Moment(1_900, 4, -1, "heal", {"ways": 4, "cause": 1}),
        Moment(2_000, 5, 3, "clock", {"by_ms": -50}),
        Moment(2_100, 5, 3, "byzantine", {"act": "equivocate"}),
        Moment(2_200, 5, 0, "contradiction", {"of_slot": 4, "what": "vote"}),
        Moment(3_000, 7, -1, "heal", {}),
    ]


def drawn(page: str) -> ET.Element:
    return ET.fromstring(page.removeprefix("<!DOCTYPE html>\n"))


def picture(page: str) -> ET.Element:
    found = drawn(page).find(".//svg[@class='picture']")
    assert found is not None
    return found


def marks_of(page: str, name: str) -> list[ET.Element]:
    return [element for element in picture(page).iter() if name in element.get("class", "").split()]


def references(page: str) -> Iterator[str]:
    """Whatever a browser could be made to load."""
    for element in drawn(page).iter():
        yield from (
            value for name, value in element.items() if name.rpartition("}")[2] in {"src", "href", "data", "action", "srcset", "poster"}
        )
        if element.tag in {"link", "img", "iframe", "object", "embed", "base", "form"}:
            yield element.tag
    yield from (found for found in re.findall(r"url\(([^)]*)\)|@import", page) if found != "#down")
    yield from re.findall(r"(?:https?:)?//\w[^\s<]*", page)


@pytest.fixture(scope="module")
def real() -> str:
    """A run with forks, crashes, cuts and clock faults."""
    recorder = Timeline()
    return draw_page(run(Options(1, 4, 100, None), recorder), recorder.moments)


def test_every_kind_of_moment_has_its_mark_and_its_words_in_the_legend() -> None:
    page = draw_page(result_of(), one_of_each())
    assert set(MARKS) == set(get_args(Kind))
    legend = "".join(drawn(page).find(".//ul[@class='legend']").itertext())  # type: ignore[union-attr]
    for mark in MARKS.values():
        assert mark.words in legend
        assert marks_of(page, mark.name), f"{mark.name} is not drawn"


def test_every_mark_says_what_it_is_when_pointed_at() -> None:
    page = draw_page(result_of(), one_of_each())
    for mark in MARKS.values():
        for element in marks_of(page, mark.name):
            assert element.find("title") is not None, mark.name
    words = [title.text or "" for title in picture(page).iter("title")]
    assert "node 0 votes for block aa of slot 2 (height 1) at 0.520 s, 20 ms into slot 2" in words
    assert "node 3: byzantine act equivocate at 2.100 s, 100 ms into slot 5" in words
    assert "oneway: 4 directions cut, 1.200 s to 1.900 s" in words
    assert "node 2 is down, 1.100 s to 5.000 s" in words
    assert any("block aa by node 1" in each and "0.10 slots after its slot began" in each for each in words)
    assert any("block bb" in each and "number 2 of 2 blocks in this slot" in each and "never became final" in each for each in words)


def test_a_page_is_well_formed_and_refers_to_nothing_outside(real: str) -> None:
    assert drawn(real).tag == "html"
    assert list(references(real)) == []
    assert "default-src 'none'" in real.replace("&#x27;", "'")


def test_what_would_be_loaded_is_found() -> None:
    page = "<html><img src='x'/><a href='https://a.example/'>a</a><p style='background: url(b)'/></html>"
    assert len(list(references(page))) == 5


def test_the_picture_needs_no_script(real: str) -> None:
    bare = re.sub(r"<script>.*?</script>", "", real, flags=re.DOTALL)
    assert len(list(picture(bare).iter())) > 1_000


def test_a_real_run_shows_all_that_happened(real: str) -> None:
    for name in ("block", "vote", "certified", "confirm", "final", "crash", "start", "down", "cut", "heal", "clock", "slot", "unfinal"):
        assert marks_of(real, name), name


def test_hostile_text_stays_text() -> None:
    violation = Violation(HOSTILE, 0, 2, HOSTILE)
    moments = [*one_of_each(), Moment(2_300, 5, 1, "byzantine", {HOSTILE: HOSTILE}), ballot("vote", 2_310, 1, HOSTILE, 5, 2)]
    page = draw_page(result_of(violation, command=HOSTILE)._replace(faults=(HOSTILE,), trace=HOSTILE, markers={HOSTILE: 1}), moments)
    tree = drawn(page)
    assert len(list(tree.iter("script"))) == 1
    assert not [name for element in tree.iter() for name in element.keys() if name.startswith("on")]  # noqa: SIM118  (no dict)
    assert any("alert('x')" in (title.text or "") for title in tree.iter("title"))


def test_violations_are_on_top_and_their_slots_are_red() -> None:
    page = draw_page(result_of(Violation("S3", 2, 5, "a second vote"), Violation("L1", -1, 99, "too late")), one_of_each())
    assert "2 violations" in page
    assert "a second vote" in "".join(drawn(page).find(".//section[@class='card violations']").itertext())  # type: ignore[union-attr]
    assert len(marks_of(page, "violated")) == 2
    assert len(marks_of(page, "guilty")) == 1


def test_a_clean_run_has_nothing_red(real: str) -> None:
    assert "no violation" in real
    assert marks_of(real, "violated") == []


def test_pages_are_small(real: str) -> None:
    assert len(real) < 400_000


def test_one_who_says_the_same_a_thousand_times_gets_a_few_marks() -> None:
    spam = [ballot("vote", 520, 0, f"{number:04x}", 2, 1) for number in range(1_000)]
    page = draw_page(result_of(), [*SLOTS, *spam])
    assert len(marks_of(page, "vote")) == CELL_MARKS_MAX
    assert len(page) < 100_000


def test_a_long_run_is_drawn_without_ballots_and_says_so() -> None:
    slots = CELLS_FULL // 4 + 1
    page = draw_page(result_of(slots=slots), one_of_each())
    assert marks_of(page, "vote") == []
    assert marks_of(page, "block")
    assert "are left out" in page


def test_a_run_that_cannot_be_drawn_is_refused_before_it_is_run() -> None:
    validate_drawable(Options(1, 4, CELLS_MAX // 4))
    with pytest.raises(BadOption, match=f"wanted --slots {CELLS_MAX // 4} or fewer") as refusal:
        validate_drawable(Options(1, 4, CELLS_MAX // 4 + 1))
    assert refusal.value.option == "--report"


@pytest.mark.parametrize("moments", [[], SLOTS[:1], [Moment(0, 1, 0, "crash", {})], [Moment(9_999_999, 99, 7, "vote", {})]])
def test_little_or_nothing_recorded_is_still_a_page(moments: list[Moment]) -> None:
    assert drawn(draw_page(result_of(), moments)).tag == "html"


def test_a_copy_of_a_node_has_a_row_of_its_own() -> None:
    page = draw_page(result_of(), [*SLOTS, Moment(0, 1, 4, "start", {"height": 0})])
    assert "node 4" in page


def test_a_known_leader_is_marked_where_nobody_signed_a_block() -> None:
    story = read_story([Moment(0, 1, -1, "slot", {"number": 1, "leader": 3})], nodes=4, slots=1)
    assert story.leaders == {1: 3}


def test_cuts_are_called_by_the_fault_that_makes_them() -> None:
    assert {name: kind for kind, name in enumerate(CUTS)} == network_faults._KINDS


def test_the_band_of_the_final_height_leaves_out_who_never_tells() -> None:
    moments = [*SLOTS, Moment(0, 1, 3, "start", {"height": 0}), *(ballot("final", 550 + node, node, "aa", 2, 1) for node in range(3))]
    steps = read_story(moments, nodes=4, slots=10).steps
    assert (steps[-1].most, steps[-1].least) == (1, 1)
