"""HTTP serving: connections, TLS, faults, counting and logging, in front of either system."""
