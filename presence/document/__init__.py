"""The presence document: composed, cut and put together (RFC 3863, RFC 4479)."""
