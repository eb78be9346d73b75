"""The floors of DESIGN: an import only goes down, and the domain knows no machine.

The table here is the rule; docs/ARCHITECTURE.md explains it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {
    "postroom": ROOT / "layers/postroom/postroom",
    "gateway": ROOT / "edge-smtp/gateway",
    "local": ROOT / "local",
    "functions": ROOT / "functions",
}

# The longest matching name decides. A floor may import any lower one, and its own topic.
FLOORS = {
    "postroom": 0,
    "postroom.errors": 0,
    "postroom.message": 0,
    "postroom.platform": 0,
    "postroom.directory": 1,
    "postroom.mailboxes": 1,
    "postroom.authentication": 1,
    "postroom.journeys": 1,
    "postroom.sieve": 1,
    "postroom.screening": 2,
    "postroom.lists": 2,
    "postroom.autoreply": 2,
    "postroom.scripts": 2,
    "postroom.relay": 2,
    "postroom.submission": 2,
    "postroom.deliverability": 3,
    "postroom.pipeline": 3,
    "postroom.jmap": 3,
    "postroom.settings": 3,
    "postroom.platform.dns": 4,
    "postroom.platform.https": 4,
    "postroom.platform.jwt": 4,
    "postroom.platform.sockets": 4,
    "postroom.platform.system": 4,
    "postroom.platform.text_segments": 4,
    "postroom.platform.aws": 5,
    "postroom.platform.embedded": 5,
    "postroom.app": 6,
    "postroom.relaying": 7,
    "functions": 8,
    "gateway": 8,
    "local": 9,
}
# What the world is made of: floors 0 to 3 get it through ports.
BANNED_BELOW_4 = {"socket", "asyncio", "boto3", "botocore", "sqlite3", "random", "threading"}
LONGEST_FILE = 600  # lines


def modules() -> Iterator[tuple[str, Path]]:
    for root, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join([root, *(part for part in parts if part != "__init__")]), path


def place(module: str) -> tuple[str, int]:
    """The topic a module belongs to, and its floor."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in FLOORS:
            return name, FLOORS[name]
    raise AssertionError(f"{module} has no floor: give its topic one in FLOORS")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.lineno, node.module or ""


MODULES = list(modules())


@pytest.mark.parametrize(("module", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_imports_only_go_down(module: str, path: Path) -> None:
    topic, floor = place(module)
    wrong = []
    for line, imported in imports(path):
        if imported.split(".")[0] not in SOURCES:
            continue
        other, other_floor = place(imported)
        if other != topic and other_floor >= floor and not (floor == other_floor == 0):
            wrong.append(f"{path}:{line}: {topic} (floor {floor}) imports {other} ({other_floor})")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("module", "path"),
    [(name, path) for name, path in MODULES if place(name)[1] < 4],
    ids=[name for name, _ in MODULES if place(name)[1] < 4],
)
def test_the_domain_reaches_the_world_through_ports(module: str, path: Path) -> None:
    # Used by several threads at once.
    locks = ("postroom.mailboxes", "postroom.relay", "postroom.scripts")
    allowed = {"threading"} if module.startswith(locks) else set()
    wrong = [
        f"{path}:{line}: imports {name}"
        for line, name in imports(path)
        if name.split(".")[0] in BANNED_BELOW_4 - allowed
    ]
    calls = [
        f"{path}:{node.lineno}: time.{node.attr}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "time"
        and node.attr in {"time", "time_ns", "sleep", "monotonic"}
    ]
    assert not wrong + calls, "\n".join(wrong + calls)


def test_functions_do_not_import_each_other() -> None:
    folders = {path.name for path in SOURCES["functions"].iterdir() if path.is_dir()}
    for module, path in MODULES:
        if module.startswith("functions."):
            roots = {name.split(".")[0] for _, name in imports(path)}
            assert not roots & (folders | {"functions"}), path


@pytest.mark.parametrize(("module", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_a_file_is_one_thought(module: str, path: Path) -> None:
    count = len(path.read_text().splitlines())
    assert count <= LONGEST_FILE, f"{path} has {count} lines: split it"
