"""PostgreSQL statements: written in SQLAlchemy Core, compiled once, run as SQL. Pure.

A set-based statement starts from its operations, one array per field, unnested. The
arrays are sorted by key, and nested loops take them in that order, so that statements
of several processes lock rows in one order.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Double,
    LargeBinary,
    Text,
    bindparam,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.types import TypeEngine

TEXT: Final = Text()
WHOLE: Final = BigInteger()
INSTANT: Final[Double[float]] = Double()
OCTETS: Final = LargeBinary()

ONE: Final[ColumnElement[int]] = literal_column("1", BigInteger())
ZERO: Final[ColumnElement[int]] = literal_column("0", BigInteger())

_DIALECT: Final = asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and the names of its parameters in the order `$1, $2, …`."""

    sql: str
    parameters: tuple[str, ...]


def compiled(statement: Executable) -> Statement:
    """Compile `statement`; every value in it must be a parameter that is given later."""
    result = statement.compile(dialect=_DIALECT)  # type: ignore[attr-defined]  # all Executables
    names = tuple(dict.fromkeys(result.positiontup or ()))
    constants = [name for name in names if result.params[name] is not None]
    if constants:
        raise ValueError(f"statement binds constants: {constants}")
    return Statement(str(result), names)


def operations(name: str, **fields: TypeEngine[Any]) -> CTE:
    """A CTE of one row per operation from the arrays `name_field…`; `n` counts from 1."""
    arrays = (bindparam(f"{name}_{field}", type_=ARRAY(kind)) for field, kind in fields.items())
    columns = (column(field, kind) for field, kind in fields.items())
    rows = func.unnest(*arrays).table_valued(*columns, with_ordinality="n")
    return select(rows.render_derived(name=f"given_{name}")).cte(name)


def given(name: str, kind: TypeEngine[Any]) -> BindParameter[Any]:
    """One scalar parameter."""
    return bindparam(name, type_=kind)


def text_literal(value: str) -> ColumnElement[str]:
    """`value` written into the SQL; only for constants of ours without a quote."""
    return literal_column(f"'{value}'", TEXT)


def character(value: str) -> ColumnElement[str]:
    """One character, printable or not."""
    return func.chr(literal_column(str(ord(value))), type_=TEXT)
