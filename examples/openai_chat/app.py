"""Ask a model until the credits are gone: `python app.py`. The model is a stand-in that this starts by itself."""

from __future__ import annotations

from pathlib import Path

import openai
from upstream import serving

import spillover

POLICY = Path(__file__).with_name("policy.yaml")
ASKED = [{"role": "user", "content": "What does water do?"}]


def main() -> None:
    """One answer, one stream, and then as many as the credits pay for."""
    with serving() as address, spillover.connect("memory://", policy=POLICY) as access:
        access.accounts.put("acme", plan="plus")
        plain = openai.OpenAI(base_url=address, api_key="none")
        client = spillover.openai.wrap(plain, access, feature="chat.tokens", account="acme")
        with plain:
            print(client.chat.completions.create(model="small", messages=ASKED).choices[0].message.content)
            for chunk in client.chat.completions.create(model="small", messages=ASKED, stream=True):
                print(chunk.choices[0].delta.content, end="")
            print()
            print(f"left: {access.overview('acme').credits} micro-credits")
            try:
                while True:
                    client.chat.completions.create(model="small", messages=ASKED)
            except spillover.Denied as denied:
                print(denied)


if __name__ == "__main__":
    main()
