"""The server that most tests of this folder talk to."""

from collections.abc import AsyncIterator

import pytest

from tests.xcap.kit import Served, serving


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as running:
        yield running
