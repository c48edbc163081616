import pytest

from p2pchain.badpeers.campaign import Size, run_campaign
from p2pchain.badpeers.catalogue import CATALOGUE
from p2pchain.badpeers.targets import Target
from p2pchain.net import log_budget
from p2pchain.net.endpoint import parse_endpoint
from tests.net.fakes import CHAIN, World


async def test_who_comes_and_goes_without_end_does_not_fill_the_log(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_budget, "BURST", 10)
    node = await world.start(1)
    report = await run_campaign(CATALOGUE["churn"](), Target(*parse_endpoint(node.address)), CHAIN, Size(1.0, 3))
    assert report.findings == []
    assert max(count.times for count in report.counts.values()) > 10, "hardly anybody came and went"
    told = [entry for event in ("peer connected", "peer disconnected") for entry in world.logged(event)]
    assert len([entry for entry in told if entry["level"] == "info"]) <= 12
    assert len(told) > 20, "what is not told is still there for who debugs"
