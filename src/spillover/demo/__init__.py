"""The demonstration: a made-up day of two products, replayed, settled and audited before your eyes (`make demo`)."""
