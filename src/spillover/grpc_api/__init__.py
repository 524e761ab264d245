"""Envoy's rate limit service (`envoy.service.ratelimit.v3`) over gRPC: another face of the same engine."""
