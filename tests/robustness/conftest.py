"""What all tests of bad input share: the messages of RFC 4475."""

from collections.abc import Mapping

import pytest

from tests.robustness.torture_table import TORTURE_FILES


@pytest.fixture(scope="session")
def torture() -> Mapping[str, bytes]:
    """The messages by name."""
    return {file.stem: file.read_bytes() for file in sorted(TORTURE_FILES.glob("*.dat"))}
