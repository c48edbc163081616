"""Whether the node that runs has the settings that its home has now."""

from __future__ import annotations

import json
from collections.abc import Iterator

from p2pchain.cli.background import read_pid
from p2pchain.cli.doctor.finding import Finding, doubtful, well
from p2pchain.client import ClientError
from p2pchain.client.admin_client import AdminClient
from p2pchain.config import Config
from p2pchain.config.live import LIVE, value_at
from p2pchain.config.sections import KEYS

_CHECK = "settings"


def look_at_settings(config: Config) -> Iterator[Finding]:
    if read_pid(config.home) is None:
        return
    try:
        with AdminClient(config.home.admin_socket) as admin:
            running = admin.config()["config"]
    except ClientError as error:
        yield doubtful(_CHECK, str(error), "run this as the user that the node runs as")
        return
    found = json.loads(json.dumps({path: value_at(config, path) for path in KEYS}))
    other = [path for path in KEYS if running.get(path) != found[path]]
    if not other:
        yield well(_CHECK, "the node has those of its home")
    if live := [path for path in other if path in LIVE]:
        yield doubtful(_CHECK, f"not taken up yet: {', '.join(live)}", "p2pchain config reload")
    if fixed := [path for path in other if path not in LIVE]:
        yield doubtful(_CHECK, f"waiting for the next start: {', '.join(fixed)}", "restart it: p2pchain stop, p2pchain start")
