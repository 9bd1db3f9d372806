"""XML on the ground floor: hardened parsing and schema validation."""
