"""Where presence comes from that nobody published: hard state, registrations, calls."""
