"""The XCAP server (RFC 4825): documents, application usages, HTTP."""
