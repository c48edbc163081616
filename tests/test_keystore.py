import json
from pathlib import Path

import pytest
from nacl.pwhash import argon2id

from p2pchain.keystore import (
    Argon2Limits,
    KeyExistsError,
    KeyFileError,
    KeyNameError,
    KeyPermissionError,
    Keystore,
    KeystoreError,
    MissingPassphraseError,
    UnknownKeyError,
    WrongPassphraseError,
    read_passphrase,
)

QUICK = Argon2Limits(argon2id.OPSLIMIT_MIN, argon2id.MEMLIMIT_MIN)
SEED = bytes(range(32))


@pytest.fixture
def keystore(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "keys", QUICK)


def never_asked() -> str:
    raise AssertionError


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def change(path: Path, **fields: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize("passphrase", [None, "correct horse", "pässwörd 🐎"])
def test_a_key_that_was_kept_is_loaded_again(keystore: Keystore, passphrase: str | None) -> None:
    entry = keystore.add("delegate", SEED, passphrase)
    key = keystore.load("delegate", passphrase)
    assert bytes(key) == SEED
    assert bytes(key.verify_key) == entry.public_key
    assert keystore.entry("delegate") == entry
    assert entry.is_sealed is (passphrase is not None)


def test_a_key_is_loaded_by_the_path_of_its_file_too(keystore: Keystore, tmp_path: Path) -> None:
    entry = keystore.add("alice", SEED, None)
    elsewhere = Keystore(tmp_path / "nowhere")
    assert bytes(elsewhere.load(entry.path, None)) == SEED
    assert bytes(elsewhere.load(str(entry.path), None)) == SEED


def test_a_file_in_the_current_folder_is_loaded_by_its_suffix(keystore: Keystore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(keystore.add("alice", SEED, None).path.parent)
    assert bytes(Keystore(tmp_path / "nowhere").load("alice.key", None)) == SEED


def test_two_new_keys_differ_and_are_listed_in_the_order_of_their_names(keystore: Keystore) -> None:
    second, first = keystore.create("b", None), keystore.create("a", "phrase")
    assert first.public_key != second.public_key
    assert keystore.list() == (first, second)


def test_a_keystore_that_was_never_used_is_empty(keystore: Keystore) -> None:
    assert keystore.list() == ()


def test_the_folder_and_the_files_are_their_owners_alone(keystore: Keystore) -> None:
    path = keystore.create("delegate", None).path
    assert (mode_of(path.parent), mode_of(path)) == (0o700, 0o600)


def test_nothing_but_the_key_file_is_left_in_the_folder(keystore: Keystore) -> None:
    path = keystore.create("delegate", None).path
    with pytest.raises(KeyExistsError):
        keystore.create("delegate", None)
    assert list(path.parent.iterdir()) == [path]


def test_a_key_is_never_overwritten(keystore: Keystore) -> None:
    before = keystore.create("delegate", None).path.read_bytes()
    with pytest.raises(KeyExistsError, match=r"delegate\.key: a key of this name exists"):
        keystore.add("delegate", SEED, None)
    assert keystore.entry("delegate").path.read_bytes() == before


def test_the_secret_stands_neither_in_a_sealed_file_nor_in_the_entry(keystore: Keystore) -> None:
    sealed, unsealed = keystore.add("a", SEED, "phrase"), keystore.add("b", SEED, None)
    assert SEED.hex() not in sealed.path.read_text()
    assert SEED.hex() in unsealed.path.read_text()
    assert SEED.hex() not in repr(unsealed)


def test_the_same_seed_and_passphrase_are_sealed_differently_each_time(keystore: Keystore) -> None:
    first, second = (json.loads(keystore.add(name, SEED, "phrase").path.read_text()) for name in ("a", "b"))
    assert first["salt"] != second["salt"]
    assert first["box"] != second["box"]


def test_a_wrong_passphrase_is_told_and_nothing_more(keystore: Keystore) -> None:
    keystore.add("delegate", SEED, "phrase")
    with pytest.raises(WrongPassphraseError) as caught:
        keystore.load("delegate", "phrasee")
    assert str(caught.value) == "wrong passphrase"


def test_a_sealed_key_without_a_passphrase_is_not_loaded(keystore: Keystore) -> None:
    keystore.add("delegate", SEED, "phrase")
    with pytest.raises(MissingPassphraseError, match="sealed"):
        keystore.load("delegate", None)


def test_an_empty_passphrase_seals_nothing(keystore: Keystore) -> None:
    with pytest.raises(KeystoreError, match="empty passphrase"):
        keystore.create("delegate", "")
    assert keystore.list() == ()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused_until_mended(keystore: Keystore, mode: int) -> None:
    path = keystore.create("delegate", None).path
    path.chmod(mode)
    with pytest.raises(KeyPermissionError) as caught:
        keystore.load("delegate", None)
    assert f"found permissions {mode:04o}, wanted 0600" in str(caught.value)
    assert str(caught.value).endswith(f"chmod 0600 '{path}'")
    path.chmod(0o600)
    keystore.load("delegate", None)


def test_a_folder_that_others_may_enter_is_refused(keystore: Keystore) -> None:
    folder = keystore.create("delegate", None).path.parent
    folder.chmod(0o755)
    for use in (lambda: keystore.load("delegate", None), keystore.list, lambda: keystore.create("other", None)):
        with pytest.raises(KeyPermissionError, match="chmod 0700"):
            use()


@pytest.mark.parametrize("name", ["", "A", "a b", "../a", "a/b", ".hidden", "a.b", "ä", "a" * 65])
def test_what_cannot_be_a_name_is_refused(keystore: Keystore, name: str) -> None:
    with pytest.raises(KeyNameError):
        keystore.create(name, None)


def test_an_unknown_key_is_told_with_the_next_step(keystore: Keystore) -> None:
    with pytest.raises(UnknownKeyError, match="p2pchain keys list"):
        keystore.load("delegate", None)
    with pytest.raises(KeyNameError):
        keystore.load("Delegate", None)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_seed_of_another_length_is_refused(keystore: Keystore, length: int) -> None:
    with pytest.raises(KeystoreError, match=f"found a seed of {length} bytes, wanted 32"):
        keystore.add("delegate", bytes(length), None)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"null", b"[" * 4_000])
def test_a_file_that_is_no_json_object_is_refused(keystore: Keystore, content: bytes) -> None:
    keystore.create("delegate", None).path.write_bytes(content)
    with pytest.raises(KeyFileError, match="wanted a key file"):
        keystore.load("delegate", None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 2),
        ("kind", "scrypt"),
        ("public_key", "00"),
        ("salt", 5),
        ("box", "zz"),
        ("operations", 10**9),
        ("memory_bytes", 2**40),
        ("memory_bytes", True),
    ],
)
def test_a_field_that_does_not_fit_is_refused(keystore: Keystore, field: str, value: object) -> None:
    change(keystore.add("delegate", SEED, "phrase").path, **{field: value})
    with pytest.raises(KeyFileError, match=field):
        keystore.load("delegate", "phrase")


def test_a_damaged_secret_is_not_repeated_in_the_error(keystore: Keystore) -> None:
    change(keystore.add("delegate", SEED, None).path, secret=SEED.hex()[:-1] + "X")
    with pytest.raises(KeyFileError) as caught:
        keystore.load("delegate", None)
    assert SEED.hex()[:16] not in str(caught.value)


def test_a_secret_that_does_not_belong_to_the_public_key_is_refused(keystore: Keystore) -> None:
    change(keystore.add("delegate", SEED, None).path, secret="11" * 32)
    with pytest.raises(KeyFileError, match="does not belong to its public_key"):
        keystore.load("delegate", None)


def test_the_default_limits_are_the_moderate_ones() -> None:
    assert Argon2Limits() == Argon2Limits(argon2id.OPSLIMIT_MODERATE, argon2id.MEMLIMIT_MODERATE)


def test_a_passphrase_file_loses_one_newline_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.touch(0o600)
    for content, passphrase in (("a b \n\n", "a b \n"), ("a", "a"), ("", "")):
        file.write_text(content)
        assert read_passphrase(file, {}, never_asked) == passphrase


def test_a_passphrase_comes_from_the_file_then_the_credential_then_the_person(tmp_path: Path) -> None:
    file, credential = tmp_path / "file", tmp_path / "p2pchain-passphrase"
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert read_passphrase(None, environ, lambda: "typed") == "typed"
    assert read_passphrase(None, {}, lambda: "typed") == "typed"
    credential.write_text("of systemd\n")
    credential.chmod(0o440)  # as systemd leaves it where it grants the reading by an access list
    assert read_passphrase(None, environ, never_asked) == "of systemd"
    file.touch(0o600)
    file.write_text("of the file\n")
    assert read_passphrase(file, environ, never_asked) == "of the file"


def test_a_passphrase_file_that_is_wide_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    with pytest.raises(KeystoreError, match="No such file"):
        read_passphrase(file, {}, never_asked)
    file.touch(0o600)
    file.write_bytes(b"\xff")
    with pytest.raises(KeystoreError, match="UTF-8"):
        read_passphrase(file, {}, never_asked)
    file.chmod(0o644)
    with pytest.raises(KeyPermissionError, match="chmod 0600"):
        read_passphrase(file, {}, never_asked)
