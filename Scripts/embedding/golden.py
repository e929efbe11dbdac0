"""Golden files for the Swift tests: what the reference gives for chosen texts, random strings and every code point."""

import json
import struct
from pathlib import Path

import numpy
from tokenizers import Tokenizer

from character_classes import CODE_POINTS, is_scalar
from crc64 import crc64
from random_strings import random_string
from reference import embed, token_ids

RANDOM_STRINGS = 10_000

TEXTS = [
    "", " ", " \t\r\n\u00a0\u3000\u2028\u2029", "Hello, world!", "The quick brown fox jumps over the lazy dog.",
    "unaffable embeddings tokenization antidisestablishmentarianism", "don't can't I'm 3.14 $1,000 50% #1 a_b-c/d\\e",
    "Café déjà vu, naïve façade, Ångström, Zürich, São Paulo, Čeština, Łódź, İstanbul ısı ẞ ß ŒUVRE",
    "cafe\u0301 re\u0301sume\u0301 A\u030a o\u0308\u0323 o\u0323\u0308 n\u0303", "\u0301abc \u0301 a\u0301\u0300\u0302",
    "ΑΒΓ Σίσυφος ΌΔΟΣ ὀδυσσεύς Приве́т, ЁЖИК Й й", "你好,世界!这是一个测试。人工智能", "東京都 日本語テスト ｶﾀｶﾅ がぎぐ ﾊﾟ カ\u3099",
    "한국어 텍스트 안녕하세요 각 가\u11a8 ᄒ\u1161\u11ab", "\u3400\u4dbf\u4e00\u9fff\uf900\ufaff\U00020000\U0002a6df",
    "\U0002a700\U0002b73f\U0002b740\U0002b820\U0002ceaf\U0002ceb0\U0002ebe0\U0002f800\U0002fa1f\U00030000\U00031350\U000323af",
    "😀 👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 ☃️ ❤️‍🔥 text🙂text", "a\u200db\u200cc\u200bd\ufefff\u2060g", "zero\u0000nul \u0000 a\u0000b",
    "\u0001\u0002\u0007bell\u0008\u001b[0m\u007f\u0080\u0085\u009f x", "tab\tnew\nline\r\nform\u000cfeed\u000bvt",
    "a\u2028b\u2029c", "a\u00a0b\u1680c\u2000d\u2009e\u202ff\u205fg\u3000h", "soft\u00adhyphen a\u0378b \u0530 \u2fe0 \U0001fbff",
    "private \ue000\uf8ff \U000f0000 \U0010fffd use", "\ud7ff\ue000 \ud7a3 \ufffe \uffff \ufffd \U0001fffe \U0010ffff",
    "[CLS] is [SEP] not [MASK] special [PAD] [UNK] [cls] [unused5] x[SEP]y [[CLS]] [CLS\u0000]", "##ing # ## the##",
    "x" * 99, "x" * 100, "x" * 101, "é" * 100, "e\u0301" * 100, "é" * 101, "word " + "y" * 200 + " word", "ß" * 60 + " ﬃ ﷺ Ǆ ŉ",
    "हिन्दी भाषा मराठी", "বাংলা தமிழ் తెలుగు ಕನ್ನಡ മലയാളം සිංහල", "ภาษาไทย ພາສາລາວ မြန်မာ ខ្មែរ", "עִבְרִית שלום", "العَرَبِيَّة مرحبا ۱۲۳",
    "ქართული ᲐᲑᲒ Հայերեն ԱԲԳ ᏣᎳᎩ ꭰꭱ", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟙𝟚𝟛 ①②③ ½ ² ™ ℌ Å K Ω", "𐐀𐐨 𞤀𞤢 𝒳", "\u0345\u0334a a\u0345\u0334\u302e\u302f\U0001d165",
    "a\U0001e8d0\u0301\U0001e944\u302a\u0327b", "\u0f71\u0f72\u0f73\u0f74 \u0344 \u0958 \u09dc \u2126", "«quoted» „low“ ‚x‘ – — … ‽ ⸮ 、。「」",
    "`~^|<>=+$ £€¥₿ © ® ° ± × ÷ ¬ ¶ § µ", "def f(x):\n    return {'a': [1, 2, 3], \"b\": x ** 2}\n",
    "Q: If $\\frac{1}{2}x + 3 = 7$, what is x?\nA. 4\nB. 8\nC. 10\nD. 14\nAnswer:",
]
LONG_TEXTS = [
    ("The quick brown fox jumps over the lazy dog. ", 52), ("hello ", 512), ("hello ", 513), ("你好世界", 300),
    ("naïve café 😀 ", 200), ("x", 5000), ("word\n", 4000), ("a,b;", 700), ("\u0301", 3000), (" ", 5000),
    ("One sentence of English text, then 中文 and an emoji 🎉; ", 120),
]


def _line(value) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n"


def _checksum(ids: list[int]) -> int:
    return crc64(struct.pack(f"<{len(ids)}i", *ids))


def write_golden(folder: Path, tokenizer: Tokenizer, rows: numpy.ndarray, scales: numpy.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "texts.jsonl", "w") as file:
        for text, times in [(text, 1) for text in TEXTS] + LONG_TEXTS:
            ids = token_ids(tokenizer, text * times)
            file.write(_line({
                "text": text, "times": times, "count": len(ids), "first": ids[:520],
                "checksum": f"{_checksum(ids):016x}"}))
    with open(folder / "vectors.jsonl", "w") as file:
        for text, times in [(text, 1) for text in TEXTS[::3]] + LONG_TEXTS:
            whole, tail = embed(rows, scales, token_ids(tokenizer, text * times))
            file.write(_line({
                "text": text, "times": times,
                "whole": [float(f"{x:.6f}") for x in whole], "tail": [float(f"{x:.6f}") for x in tail]}))
    with open(folder / "random.txt", "w") as file:
        for number in range(RANDOM_STRINGS):
            ids = token_ids(tokenizer, random_string(number))
            file.write(f"{len(ids)} {_checksum(ids) & 0xFFFF_FFFF:08x}\n")
    with open(folder / "code_points.txt", "w") as file:
        for start in range(0, CODE_POINTS, 256):
            checksum = 0
            texts = [f"a{chr(c)}b" for c in range(start, start + 256) if is_scalar(c)]
            for encoding in tokenizer.encode_batch(texts, add_special_tokens=False):
                checksum = crc64(struct.pack(f"<{len(encoding.ids) + 1}i", *encoding.ids, -1), checksum)
            file.write(f"{checksum & 0xFFFF_FFFF:08x}\n")
