"""Asks an OpenAI-compatible server one prompt and measures the answer."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

LONGEST_ANSWER = 24  # tokens; the longest right answer has 11 with its end mark
SEED = 0
SECONDS = 30.0


class ChatError(Exception):
    """A request that was not answered as the protocol says."""


@dataclass(frozen=True)
class Reply:
    """An answer, the tokens it took as the server counts them, and the seconds until its first piece and its end."""

    text: str
    prompt_tokens: int
    answer_tokens: int
    first_token_seconds: float
    seconds: float


def ask(url: str, prompt: str) -> Reply:
    """Asks one prompt at temperature 0 with a fixed seed, streamed, as the router will ask."""
    request = {
        "messages": [{"role": "user", "content": prompt}],
        "temperature": 0,
        "seed": SEED,
        "max_tokens": LONGEST_ANSWER,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=SECONDS)
    try:
        connection.request(
            "POST", "/v1/chat/completions", json.dumps(request).encode(), {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            raise ChatError(f"{url} answered {response.status}: {response.read(500).decode(errors='replace')}")
        return read_stream(response, begun)
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        raise ChatError(f"asking {url} failed: {error!r}") from error
    finally:
        connection.close()


def read_stream(response: http.client.HTTPResponse, begun: float) -> Reply:
    """Puts the pieces of a streamed answer together; usage comes in a last chunk without choices."""
    pieces: list[str] = []
    usage: dict[str, int] | None = None
    first_token_seconds: float | None = None
    for line in response:
        if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
            continue
        chunk = json.loads(line[len(b"data: "):])
        if "error" in chunk:
            raise ChatError(f"the server broke its answer off: {chunk['error']}")
        for choice in chunk["choices"]:
            piece = choice["delta"].get("content")
            if piece:
                first_token_seconds = first_token_seconds or time.perf_counter() - begun
                pieces.append(piece)
        usage = chunk.get("usage") or usage
    seconds = time.perf_counter() - begun
    if usage is None:
        raise ChatError("the answer ended without its usage")
    return Reply(
        "".join(pieces), usage["prompt_tokens"], usage["completion_tokens"], first_token_seconds or seconds, seconds)
