"""The XCAP server: documents of users and of the domain, over HTTP."""
