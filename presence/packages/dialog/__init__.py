"""The `dialog` package (RFC 4235): what calls a user has, for busy lamps and the like."""
