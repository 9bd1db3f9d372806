"""How to see that a server is as well as before it was sent something odd."""

import re
from typing import Final

from tests.processes import DOMAIN, Running
from tests.rawsip import SipClient, new_branch

_TROUBLE: Final = re.compile(r".*(?:Traceback|\blevel=(?:error|critical)\b).*")


class Health:
    """Whether a server is as well as before."""

    def __init__(self, server: Running) -> None:
        self.server = server

    async def answers(self, transport: str = "UDP") -> bool:
        """Whether a plain OPTIONS from somebody new is answered 200 (RFC 3261 §11.2)."""
        async with await SipClient.open(self.server.sip, transport) as client:
            options = client.request(
                *("OPTIONS", f"sip:{DOMAIN}"),
                from_=f"<sip:probe@{DOMAIN}>;tag=probe",
                to=f"<sip:{DOMAIN}>",
                call_id=new_branch(),
                cseq=1,
            )
            return (await client.exchange(options)).status == 200

    def trouble(self) -> list[str]:
        """Lines of the log that should not be there: errors of ours, and tracebacks."""
        return _TROUBLE.findall(self.server.log)
