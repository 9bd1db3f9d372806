"""The usage that test suites of XCAP clients try node selectors with; on by setting only.

No standard describes it; name, namespace and media type are those of OpenXCAP. Any
document will do.
"""

from typing import Final

from xcap.usage import Usage

USAGE: Final = Usage(
    auid="test-app",
    media_type="application/test-app+xml",
    default_namespace="test-app",
    schema=None,
    root="",
)
