"""The genesis as people write it: `genesis.toml`, and the join bundle, which is the same file with seeds.

`[chain]` name, address_prefix, time (RFC 3339, or Unix milliseconds); `[params]` every parameter; `[[accounts]]` address,
balance; `[[delegates]]` address, consensus_key, commission_bps, stake; in a bundle `[network]` seeds,
and `[[recoveries]]` where there were any.  Every parameter
must be written down: a default that changes with a version would split the network.  All mistakes are told at once.
What a genesis means is decided in `chain.genesis`, and only there.
"""

from p2pchain.genesis_file.reading import Bundle, GenesisFileError, load_bundle, load_genesis, loads_bundle, loads_genesis
from p2pchain.genesis_file.recoveries import (
    RecoveryFile,
    RecoveryFileError,
    dumps_recovery,
    file_name,
    load_installed,
    load_recovery,
    loads_recovery,
)
from p2pchain.genesis_file.writing import dumps_bundle, dumps_genesis

__all__ = [
    "Bundle",
    "GenesisFileError",
    "RecoveryFile",
    "RecoveryFileError",
    "dumps_bundle",
    "dumps_genesis",
    "dumps_recovery",
    "file_name",
    "load_bundle",
    "load_genesis",
    "load_installed",
    "load_recovery",
    "loads_bundle",
    "loads_genesis",
    "loads_recovery",
]
