"""How many connections there are when the system's limit of open files is low."""

import resource
from collections.abc import Callable, Iterator

import pytest

from sip.transport.config import EndpointConfig
from sip.transport.descriptors import (
    HTTP_SHARE,
    KEPT_DESCRIPTORS,
    SIP_SHARE,
    affordable_connections,
)
from tests.sip.phones import endpoint, options, phone

SetLimit = Callable[[int], None]


@pytest.fixture
def open_files() -> Iterator[SetLimit]:
    """Sets the soft limit of open files, for one test."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield lambda soft: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(("limit", "left"), [(300, 150), (1_024, 824)])
def test_all_who_accept_together_leave_descriptors_for_the_rest(
    limit: int, left: int, open_files: SetLimit
) -> None:
    """SIP, XCAP and the operator's pages; of a low limit one half is left for files."""
    open_files(limit)
    assert affordable_connections(1.0) == left
    shares = [affordable_connections(share) for share in (SIP_SHARE, HTTP_SHARE, HTTP_SHARE)]
    assert left - len(shares) <= sum(shares) <= left


async def test_past_them_connections_are_refused_and_counted(open_files: SetLimit) -> None:
    """The limit of open files is in force though the setting is far above it."""
    open_files(KEPT_DESCRIPTORS)
    room = affordable_connections(SIP_SHARE)
    config = EndpointConfig(listen=("tcp:127.0.0.1:0",))
    async with endpoint(config) as one:
        one._flows._gate.open += room - 1
        async with phone(one) as first:
            await first.ask(options())
            async with phone(one) as second:
                assert await second.closed()
        assert one.connection_stats.refused == {("tcp", "total"): 1}
