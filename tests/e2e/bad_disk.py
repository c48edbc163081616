"""`p2pchain`, on a disk that a test is in charge of.

    python -m tests.e2e.bad_disk FOLDER p2pchain's arguments

`FOLDER/free` holds how many bytes the volume has free, of 1,000,000,000; once there is a file `FOLDER/broken`, every sync of
the database fails.
"""

import errno
import os
import sys
from pathlib import Path

from p2pchain.cli import main
from tests.storage.interposed import Call, Fault, between

SIZE = 1_000_000_000


def run(folder: Path) -> None:
    def statvfs(_: object) -> os.statvfs_result:
        free = int((folder / "free").read_text())
        return os.statvfs_result((1, 1, SIZE, free, free, 0, 0, 0, 0, 255))

    def observe(call: Call) -> Fault | None:
        return Fault(errno.EIO) if call.name == "sync" and (folder / "broken").exists() else None

    os.statvfs = statvfs  # type: ignore[assignment]
    with between(observe):
        main()


if __name__ == "__main__":
    place = Path(sys.argv.pop(1))
    run(place)
