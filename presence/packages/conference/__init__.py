"""The `conference` package (RFC 4575): who is in a conference, and how it goes."""
