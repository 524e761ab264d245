"""A stand-in for a model's API: it speaks chat completions, whole and streamed, and reports usage as OpenAI does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {
    "prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 1000},
}  # fmt: skip
WORDS = ["Water ", "flows ", "over."]


class Model(BaseHTTPRequestHandler):
    """Answers every call with the same three words."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        if asked.get("stream"):
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            pieces = [{"choices": [{"index": 0, "delta": {"content": word}}]} for word in WORDS]
            if (asked.get("stream_options") or {}).get("include_usage"):
                pieces.append({"choices": [], "usage": USAGE})
            for piece in pieces:
                about = {"id": "chat-1", "object": "chat.completion.chunk", "created": 1, "model": asked["model"]}
                self.wfile.write(b"data: " + json.dumps(about | piece).encode() + b"\n\n")
            self.wfile.write(b"data: [DONE]\n\n")
            return
        message = {"role": "assistant", "content": "".join(WORDS)}
        answer = {
            "id": "chat-1", "object": "chat.completion", "created": 1, "model": asked["model"], "usage": USAGE,
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        }  # fmt: skip
        body = json.dumps(answer).encode()
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[str]:
    """The address of the stand-in, while it serves."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
