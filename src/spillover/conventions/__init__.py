"""What the service and the integrations say alike in HTTP: the limits of a decision, as headers."""
