"""SQLite statements: written in SQLAlchemy Core, compiled once, run as SQL. Pure."""

from typing import Any, Final

from sqlalchemy import bindparam, literal_column
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.elements import BindParameter, ColumnElement
from sqlalchemy.types import BigInteger

_DIALECT: Final = sqlite.dialect(paramstyle="named")

ONE: Final[ColumnElement[int]] = literal_column("1", BigInteger())
ZERO: Final[ColumnElement[int]] = literal_column("0", BigInteger())


def given(name: str) -> BindParameter[Any]:
    """One parameter; its name in the SQL is `:in_name`, apart from any column's."""
    return bindparam(f"in_{name}")


def taken(*names: str) -> dict[str, BindParameter[Any]]:
    """Parameters for columns of the same names."""
    return {name: given(name) for name in names}


def compiled(statement: Executable) -> str:
    """Compile `statement`; every value in it must be a parameter that is given later."""
    result = statement.compile(dialect=_DIALECT)  # type: ignore[attr-defined]  # all Executables
    constants = [name for name, value in result.params.items() if value is not None]
    if constants:
        raise ValueError(f"statement binds constants: {constants}")
    return str(result)


def values(**fields: object) -> dict[str, object]:
    """Arguments for parameters made by `given`."""
    return {f"in_{name}": value for name, value in fields.items()}
