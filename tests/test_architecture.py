"""The walls that the import linter cannot see: builtins, calls and names. The bad snippets prove that it can fail."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PRODUCT = Path(__file__).parent.parent / "p2pchain"
PURE_PACKAGES = ("chain", "wire", "node")

# Everything that reads a clock, draws by chance, touches disk, network or processes, logs, or waits.
# fmt: off
IMPURE_MODULES = frozenset([
    "asyncio", "builtins", "click", "concurrent", "contextvars", "ctypes", "datetime", "fcntl", "gc", "glob", "h11",
    "httpx2", "hypercorn", "io", "lmdb", "locale", "logging", "mmap", "multiprocessing", "os", "pathlib",
    "platform", "prometheus_client", "queue", "random", "rich", "sched", "secrets", "select", "selectors", "shutil",
    "signal", "socket", "socketserver", "sqlite3", "ssl", "starlette", "structlog", "subprocess", "sys", "tempfile",
    "threading", "time", "tomli_w", "tomllib", "trio", "urllib", "uuid", "warnings", "weakref",
])
# `hash` of text differs from process to process; `id` and the namespaces depend on memory.
IMPURE_BUILTINS = frozenset([
    "__import__", "breakpoint", "compile", "eval", "exec", "globals", "hash", "id", "input", "locals", "open",
    "print", "vars",
])
# fmt: on
IMPURE_ATTRIBUTES = frozenset({"nacl.utils.random", "nacl.bindings.randombytes", "nacl.signing.SigningKey.generate"})
EMPTY_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"})


def objections_to_impurity(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (f"{node.lineno}: imports {each.name}" for each in names if is_impure_module(each.name))
            case ast.ImportFrom(module=str(module), level=0) if is_impure_module(module):
                yield f"{node.lineno}: imports from {module}"
            case ast.ImportFrom(module=str(module), names=names):
                chance = [each.name for each in names if f"{module}.{each.name}" in IMPURE_ATTRIBUTES]
                yield from (f"{node.lineno}: imports {module}.{name}" for name in chance)
            case ast.Name(id=name, ctx=ast.Load()) if name in IMPURE_BUILTINS:
                yield f"{node.lineno}: uses {name}"
            case ast.Attribute() if is_impure_attribute(ast.unparse(node)):
                yield f"{node.lineno}: uses {ast.unparse(node)}"
            case ast.AsyncFunctionDef(body=body) if not all(map(is_nothing, body)):  # a protocol's stub waits for nothing
                yield f"{node.lineno}: is asynchronous"
            case ast.Global():
                yield f"{node.lineno}: changes the state of its module"
            case _:
                pass


def is_impure_module(name: str) -> bool:
    return name.partition(".")[0] in IMPURE_MODULES


def is_impure_attribute(name: str) -> bool:
    return any(name == impure or impure.endswith(f".{name}") for impure in IMPURE_ATTRIBUTES)


def objections_to_silence(tree: ast.AST) -> Iterator[str]:
    """A handler for any error whatever that does nothing about it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and is_broad(node.type) and all(map(is_nothing, node.body)):
            yield f"{node.lineno}: passes over every error"
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress") and any(map(is_broad, node.args)):
            yield f"{node.lineno}: suppresses every error"


def is_broad(caught: ast.expr | None) -> bool:
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(kind is None or ast.unparse(kind) in ("Exception", "BaseException") for kind in kinds)


def is_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass | ast.Continue) or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))


def modules(*packages: str) -> list[Path]:
    folders = [PRODUCT / package for package in packages] if packages else [PRODUCT]
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def parse(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def test_the_rules_the_language_and_the_decisions_are_pure() -> None:
    objections = [
        f"{path.relative_to(PRODUCT)}:{objection}" for path in modules(*PURE_PACKAGES) for objection in objections_to_impurity(parse(path))
    ]
    assert objections == []


def test_no_error_is_passed_over_in_silence() -> None:
    objections = [f"{path.relative_to(PRODUCT)}:{objection}" for path in modules() for objection in objections_to_silence(parse(path))]
    assert objections == []


def test_every_module_is_named_after_its_subject() -> None:
    parts = {part for path in modules() for part in path.relative_to(PRODUCT).with_suffix("").parts}
    assert parts & EMPTY_NAMES == set()
    assert {"keystore", "runtime"} <= parts, "found hardly any module: the walk looks at the wrong place"


def test_every_module_says_its_subject() -> None:
    silent = [path.name for path in modules() if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert silent == []


@pytest.mark.parametrize(
    "snippet",
    [
        "import time",
        "import os.path",
        "import a, socket as s",
        "from datetime import datetime",
        "from concurrent.futures import Future",
        "from nacl.utils import random",
        "import nacl.utils\nnonce = nacl.utils.random(24)",
        "from nacl import utils\nnonce = utils.random(24)",
        "from nacl.signing import SigningKey\nkey = SigningKey.generate()",
        "def f():\n    import random",
        "open('x')",
        "print('x')",
        "x = hash('x')",
        "order = sorted(rows, key=hash)",
        "async def f(): return 1",
        "def f():\n    global x\n    x = 1",
    ],
)
def test_an_impure_snippet_is_objected_to(snippet: str) -> None:
    assert list(objections_to_impurity(ast.parse(snippet)))


@pytest.mark.parametrize(
    "snippet",
    [
        "import hashlib",
        "from dataclasses import dataclass",
        "from p2pchain.chain.time import Slot",
        "from .random import shuffle",
        "class Edge(Protocol):\n    async def receive(self) -> None: ...",
        "block.hash(1)",
        "hash = parent.hash",
        "schedule.random(1)",
    ],
)
def test_a_pure_snippet_is_not_objected_to(snippet: str) -> None:
    assert list(objections_to_impurity(ast.parse(snippet))) == []


@pytest.mark.parametrize(
    "snippet",
    [
        "try: f()\nexcept Exception: pass",
        "try: f()\nexcept: pass",
        "try: f()\nexcept BaseException: ...",
        "try: f()\nexcept (ValueError, Exception): pass",
        "for x in y:\n    try: f()\n    except Exception: continue",
        "try: f()\nexcept* Exception: pass",
        "with contextlib.suppress(Exception): f()",
    ],
)
def test_silence_is_objected_to(snippet: str) -> None:
    assert list(objections_to_silence(ast.parse(snippet)))


@pytest.mark.parametrize("snippet", ["try: f()\nexcept OSError: pass", "try: f()\nexcept Exception: stop(); raise"])
def test_a_handler_that_names_its_error_or_acts_is_not_objected_to(snippet: str) -> None:
    assert list(objections_to_silence(ast.parse(snippet))) == []
