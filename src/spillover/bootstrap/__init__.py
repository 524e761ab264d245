"""The only place that wires parts together: an address becomes an open engine."""
