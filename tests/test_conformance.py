"""docs/conformance.md is true: what it names exists, and every RFC section cited has a row."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "conformance.md"
PACKAGES = ("sip", "store", "xmldoc", "proxy", "presence", "xcap", "rls", "reginfo", "server")
CITATION = re.compile(r"RFC (\d{4}) §(\d+(?:\.\d+)*)")
STATUSES = ("yes", "partial", "no")


@dataclass(frozen=True)
class Row:
    line: int
    section: str
    status: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]


def cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]


def table_lines() -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(PAGE.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("|") and not line.startswith(("|---", "| section ", "| RFC §section")):
            yield number, cells(line)


def named(cell: str) -> tuple[str, ...]:
    return tuple(part.strip(" `") for part in cell.split(",") if part.strip(" `-"))


ROWS = [
    Row(number, row[0], row[2].split()[0].strip(",;:"), named(row[3]), named(row[4]))
    for number, row in table_lines()
    if len(row) == 5
]
LISTED = {found for _, row in table_lines() for found in CITATION.findall(row[0])}


def row_id(row: Row) -> str:
    return f"{row.line}: {row.section}"


def test_every_line_of_the_page_is_a_row_of_five_or_of_three() -> None:
    assert [number for number, row in table_lines() if len(row) not in (3, 5)] == []
    assert ROWS, "the page has no rows"


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_a_row_names_what_exists(row: Row) -> None:
    assert CITATION.search(row.section), "no RFC section"
    assert row.status in STATUSES
    assert [module for module in row.modules if not (ROOT / module).exists()] == []
    assert row.status == "no" or row.tests, "no test"
    assert [test for test in row.tests if not is_defined(test)] == []


def is_defined(test: str) -> bool:
    """Whether `path::name` or `path::Class::name` is there; a parameter in brackets is not read."""
    path, *names = test.partition("[")[0].split("::")
    if not (ROOT / path).is_file() or not names:
        return False
    text = (ROOT / path).read_text(encoding="utf-8")
    return all(re.search(rf"\b(?:def|class) {re.escape(name)}\b", text) for name in names)


def cited() -> Iterator[tuple[str, str, str]]:
    """(module, RFC, section) of every citation in the packages."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for rfc, section in CITATION.findall(file.read_text(encoding="utf-8")):
                yield file.relative_to(ROOT).as_posix(), rfc, section


def covered(rfc: str, section: str) -> bool:
    """Whether the page has a row for `section` or for one that it is part of."""
    parts = section.split(".")
    return any((rfc, ".".join(parts[:depth])) in LISTED for depth in range(len(parts), 0, -1))


def test_every_section_cited_in_code_has_a_row() -> None:
    missing = {
        f"RFC {rfc} §{section} ({module})"
        for module, rfc, section in cited()
        if not covered(rfc, section)
    }
    assert sorted(missing) == []
