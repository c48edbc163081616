"""Write the examples in `config/` again, with the same genesis: `python -m tests.genesis_file.write_examples`."""

from pathlib import Path

from p2pchain.genesis_file import dumps_bundle, dumps_genesis, load_bundle

CONFIG = Path(__file__).parent.parent.parent / "config"

if __name__ == "__main__":
    bundle = load_bundle(CONFIG / "join-bundle.toml")
    (CONFIG / "genesis.toml").write_text(dumps_genesis(bundle.genesis))
    (CONFIG / "join-bundle.toml").write_text(dumps_bundle(bundle.genesis, bundle.seeds))
