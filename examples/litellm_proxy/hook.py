"""What LiteLLM's proxy calls (config.yaml: `callbacks: hook.hook`): each call is held for, then charged."""

import os
from pathlib import Path

import spillover
from spillover.litellm import Kind, SpilloverHook

URL = os.environ.get("SPILLOVER_URL", "sqlite:///litellm.db")


def access() -> object:
    """A service, or an engine inside the proxy; called once, when the first call comes."""
    if URL.startswith("http"):
        return spillover.connect_async(URL, key=os.environ.get("SPILLOVER_KEY"))
    return spillover.connect_async(URL, policy=Path(__file__).with_name("policy.yaml"))


hook = SpilloverHook(
    access,
    feature="chat.tokens",  # of chats, completions, responses, messages and embeddings
    kinds={
        "image_generation": Kind("images", lambda answer: {"images": answer.images}, lambda call: call.get("n") or 1),
        "speech": Kind("speech", lambda answer: {"characters": answer.characters}, lambda call: len(call["input"])),
    },
)  # an account is the id of the key's team; the attribute `model` is the model that answers
