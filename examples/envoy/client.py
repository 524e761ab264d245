"""Ask Spillover what Envoy's rate limit filter asks: python client.py 127.0.0.1:8081 acme video.seconds 5."""

import os
import sys

import grpc
from envoy.service.ratelimit.v3 import rls_pb2, rls_pb2_grpc


def main(address: str, account: str, feature: str, hits: str = "1") -> int:
    request = rls_pb2.RateLimitRequest(domain=feature, hits_addend=int(hits))
    request.descriptors.add().entries.add(key="account", value=account)
    key = os.environ.get("SPILLOVER_KEY")
    metadata = [("authorization", f"Bearer {key}")] if key else []
    with grpc.insecure_channel(address) as channel:
        answer = rls_pb2_grpc.RateLimitServiceStub(channel).ShouldRateLimit(request, metadata=metadata, timeout=5)
    code = rls_pb2.RateLimitResponse.Code.Name(answer.overall_code)
    for decision in answer.dynamic_metadata["spillover"]["decisions"]:
        print(f"{code}: {decision['sentence']}")
    for header in answer.response_headers_to_add:
        print(f"{header.key}: {header.value}")
    return 0 if answer.overall_code == rls_pb2.RateLimitResponse.OK else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
