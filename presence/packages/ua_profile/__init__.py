"""The `ua-profile` package (RFC 6080): configuration of devices, networks and users."""
