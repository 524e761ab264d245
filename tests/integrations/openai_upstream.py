"""A real HTTP server that speaks OpenAI's APIs, well and badly: the `model` says how it behaves.

good: answers. slow: answers once it is released. flaky: 500 first, then answers. broken: always 500.
cut: a stream whose connection breaks half way. chatty: a stream that tells the usage so far in each chunk.
silent: a stream that ends well and never tells its usage. long: a stream that waits between pieces until released.
"""

import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT = ["aaaa" * 10] * 5
CHAT = {
    "prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 1000}, "completion_tokens_details": {"reasoning_tokens": 100},
}  # fmt: skip
RESPONSE = {
    "input_tokens": 1200, "output_tokens": 300, "total_tokens": 1500,
    "input_tokens_details": {"cached_tokens": 1000}, "output_tokens_details": {"reasoning_tokens": 100},
}  # fmt: skip

EMBEDDING = {"prompt_tokens": 700, "total_tokens": 700}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        calls = self.server.calls
        calls.append(asked)
        model = asked["model"]
        if model == "slow":
            self.server.release.wait(10)
        if model == "broken" or (model == "flaky" and len(calls) == 1):
            self.reply(500, {"error": {"message": "out of order"}})
        elif asked.get("stream"):
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            self.stream(asked, chat_pieces if "chat" in self.path else response_pieces)
        elif "speech" in self.path:
            self.send(200, b"sound", "audio/mpeg")
        else:
            self.reply(200, answer(self.path, asked))

    def do_GET(self):
        self.reply(200, {"object": "list", "data": []})

    def reply(self, status, document):
        self.send(status, json.dumps(document).encode(), "application/json")

    def send(self, status, body, kind):
        try:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.server.gone.set()

    def stream(self, asked, pieces):
        try:
            for place, piece in enumerate(pieces(asked)):
                if asked["model"] == "cut" and place == 3:
                    # promise more than comes: the client sees a broken connection
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    self.server.cut.wait(10)
                    self.connection.close()
                    return
                if asked["model"] == "long" and place == 2:
                    self.server.release.wait(10)
                self.wfile.write(b"data: " + json.dumps(piece).encode() + b"\n\n")
                self.wfile.flush()
            if "messages" in asked:
                self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            self.server.gone.set()

    def log_message(self, *_):
        pass


def chat_pieces(asked):
    about = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": asked["model"]}
    for place, text in enumerate(TEXT):
        piece = about | {"choices": [{"index": 0, "delta": {"content": text}}]}
        if asked["model"] == "chatty":
            piece["usage"] = {"prompt_tokens": 100, "completion_tokens": 50 * (place + 1), "total_tokens": 0}
        yield piece
    if (asked.get("stream_options") or {}).get("include_usage") and asked["model"] != "silent":
        yield about | {"choices": [], "usage": CHAT}


def response_pieces(asked):
    yield {"type": "response.created", "sequence_number": 0, "response": response_answer(asked["model"], "in_progress")}
    for place, text in enumerate(TEXT):
        about = {"item_id": "m", "output_index": 0, "content_index": 0, "sequence_number": place + 1, "logprobs": []}
        yield {"type": "response.output_text.delta", "delta": text, **about}
    yield {"type": "response.completed", "sequence_number": 9, "response": response_answer(asked["model"], "completed")}


def answer(path, asked):
    if "embeddings" in path:
        vector = {"object": "embedding", "index": 0, "embedding": [0.5]}
        return {"object": "list", "model": asked["model"], "data": [vector], "usage": EMBEDDING}
    if "images" in path:
        return {"created": 1, "data": [{"b64_json": "aGk="}] * asked.get("n", 1)}
    return chat_answer(asked["model"]) if "chat" in path else response_answer(asked["model"], "completed")


def chat_answer(model):
    message = {"role": "assistant", "content": '{"name": "x"}'}
    return {
        "id": "c", "object": "chat.completion", "created": 1, "model": model, "usage": CHAT,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
    }  # fmt: skip


def response_answer(model, status):
    part = {"type": "output_text", "text": '{"name": "x"}', "annotations": []}
    done = status == "completed"
    item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}
    return {
        "id": "r", "object": "response", "created_at": 1, "model": model, "status": status,
        "output": [item] if done else [], "usage": RESPONSE if done else None,
        "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    }  # fmt: skip


@contextmanager
def upstream():
    """The server: `url`, `calls` (what came), `cut` and `release` (let it go on), `gone` (a client went away)."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.calls = []
    server.cut, server.release, server.gone = threading.Event(), threading.Event(), threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.cut.set()
        server.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
