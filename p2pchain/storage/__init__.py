"""The node's disk: the ledger in LMDB, the memory of what was signed, the journal of waiting transactions.

Decides how bytes become durable and how they come back after any crash; never what is valid, final or worth keeping.
The durable log of blocks with their changes is the truth; rows and index follow it in batches.  Any storage error ends
the process: after a failed sync the next commit may falsely succeed (S11), so nothing here retries or carries on.  The
address book alone is nothing that anybody relies on: its troubles are told and no more.
"""

from p2pchain.storage.address_book import AddressBookFile
from p2pchain.storage.errors import DamagedStore, DiskFull, ForeignChain, HomeInUse, NewerFormat, StorageError, mapped
from p2pchain.storage.journal import JournalFile
from p2pchain.storage.kept_file import KeptFile
from p2pchain.storage.reading import StoredChain, is_in_use, is_there, read_store
from p2pchain.storage.reclaiming import NoHolesError, Place
from p2pchain.storage.room import Marks, require_room, tightest, volume_of
from p2pchain.storage.sign_state import SignStateFile, guard
from p2pchain.storage.store import LmdbStore, open_store

__all__ = [
    "AddressBookFile",
    "DamagedStore",
    "DiskFull",
    "ForeignChain",
    "HomeInUse",
    "JournalFile",
    "KeptFile",
    "LmdbStore",
    "Marks",
    "NewerFormat",
    "NoHolesError",
    "Place",
    "SignStateFile",
    "StorageError",
    "StoredChain",
    "guard",
    "is_in_use",
    "is_there",
    "mapped",
    "open_store",
    "read_store",
    "require_room",
    "tightest",
    "volume_of",
]
