"""Authorization rules: common policy (RFC 4745), presence rules (RFC 5025), OMA's dialect."""
