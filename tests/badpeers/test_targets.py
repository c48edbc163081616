from ipaddress import ip_address

import pytest

from p2pchain.badpeers.targets import NotAllowed, find_target, is_near

NEAR = ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.9", "172.16.0.1", "169.254.3.4", "fe80::1", "fd00::7", "0.0.0.0", "::ffff:10.0.0.1"]
FAR = ["8.8.8.8", "172.32.0.1", "2001:4860::8888", "::ffff:8.8.8.8", "224.0.0.1", "ff02::1"]


@pytest.mark.parametrize("address", NEAR)
def test_this_machine_and_private_networks_may_be_attacked(address: str) -> None:
    assert is_near(ip_address(address))


@pytest.mark.parametrize("address", FAR)
def test_others_may_not(address: str) -> None:
    assert not is_near(ip_address(address))


async def test_a_public_address_is_refused_by_name_unless_it_is_said_to_be_ones_own() -> None:
    with pytest.raises(NotAllowed, match=r"8\.8\.8\.8 is neither this machine nor in a private network"):
        await find_target("8.8.8.8", 28656, is_own=False)
    assert str(await find_target("8.8.8.8", 28656, is_own=True)) == "8.8.8.8:28656"


async def test_a_near_target_is_resolved() -> None:
    assert (await find_target("localhost", 1, is_own=False)).host in ("127.0.0.1", "::1")
    assert str(await find_target("::1", 7, is_own=False)) == "[::1]:7"
