"""Who may see what: decisions, by rules or by the operator's word (RFC 4745, RFC 5025)."""
