"""A byte-level vocabulary: one token per byte, then the marks of a conversation.

It is written into the GGUF file as a GPT-2 vocabulary, which llama.cpp knows. There a byte is spelled as a printable
character, by the table below, and a list of merges must not be empty, so the last token is a merge that no text needs.
"""

from __future__ import annotations

END, USER, ASSISTANT, SYSTEM, PADDING = 256, 257, 258, 259, 260
MARKS = ("<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|pad|>")

CHAT_TEMPLATE = (
    "{% for m in messages %}"
    "{% if m['role'] == 'user' %}{{ '<|user|>' + m['content'] }}"
    "{% elif m['role'] == 'assistant' %}{{ '<|assistant|>' + m['content'] + '<|end|>' }}"
    "{% elif m['role'] == 'system' %}{{ '<|system|>' + m['content'] }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def spellings() -> list[str]:
    """How GPT-2 vocabularies spell each byte: printable ones as themselves, the others from U+0100 upwards."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spelled, spare = [], 0x100
    for byte in range(256):
        if byte in printable:
            spelled.append(chr(byte))
        else:
            spelled.append(chr(spare))
            spare += 1
    return spelled


BYTES = spellings()
UNUSED_MERGE = (BYTES[0], BYTES[0])
TOKENS: list[str] = [*BYTES, *MARKS, "".join(UNUSED_MERGE)]


def encode(text: str) -> list[int]:
    """The tokens of a text: its UTF-8 bytes."""
    return list(text.encode())


def conversation(prompt: str) -> list[int]:
    """A prompt as the chat template lays it out, ready for the answer."""
    return [USER, *encode(prompt), ASSISTANT]
