"""XML schemas written from the standards' definitions, one file per namespace."""
