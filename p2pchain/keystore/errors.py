"""Why a key cannot be had or kept; each says what was found, what was wanted and what to do."""


class KeystoreError(Exception):
    """A key cannot be had or kept."""


class KeyExistsError(KeystoreError):
    """There is a key of this name; it was left as it is."""


class UnknownKeyError(KeystoreError):
    """There is no such key."""


class KeyNameError(KeystoreError):
    """This cannot be the name of a key."""


class KeyPermissionError(KeystoreError):
    """Others may read what must be private."""


class KeyFileError(KeystoreError):
    """The file is no key file that this version reads."""


class WrongPassphraseError(KeystoreError):
    """The passphrase is wrong, and nothing more is said."""


class MissingPassphraseError(KeystoreError):
    """The key is sealed, and no passphrase was given."""
