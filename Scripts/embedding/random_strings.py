"""Seeded random Unicode strings, drawn alike by Tests/HerdPredictionTests/Embedding/RandomStrings.swift."""

from character_classes import is_scalar

SEED = 0x48455244
MASK = 0xFFFF_FFFF_FFFF_FFFF
RANGES = [
    (0x21, 0x7E), (0x61, 0x7A), (0x61, 0x7A), (0x20, 0x20), (0x80, 0x24F), (0x300, 0x36F), (0x370, 0x58F),
    (0x590, 0x8FF), (0x900, 0xDFF), (0xE00, 0x1FFF), (0x2000, 0x2BFF), (0x3000, 0x33FF), (0x3400, 0x9FFF),
    (0xAC00, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x1FFFF), (0x1F300, 0x1FAFF), (0x20000, 0x3FFFF), (0xE0000, 0xE01FF),
    (0, 0x10FFFF), (0, 0xFFFF), (0, 0x20), (0x7F, 0xA0), (0x200B, 0x200F), (0xFE00, 0xFE0F), (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF), (0xF900, 0xFAFF),
]
LITERALS = ["[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]", "##", "[unused1]", "unaffable"]


class SplitMix64:
    """Steele, Lea, Flood 2014."""

    def __init__(self, seed: int):
        self.state = seed & MASK

    def next(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        return z ^ z >> 31

    def below(self, bound: int) -> int:
        return self.next() % bound


def random_string(number: int) -> str:
    """Up to 48 draws: runs of up to 8 from one range, a literal, or one code point up to 120 times."""
    random = SplitMix64(SEED + number)
    text = []
    for _ in range(random.below(49)):
        draw = random.below(32)
        if draw < 28:
            low, high = RANGES[draw]
            for _ in range(1 + random.below(8)):
                code_point = low + random.below(high - low + 1)
                text.append(chr(code_point) if is_scalar(code_point) else "\ufffd")
        elif draw < 31:
            text.append(LITERALS[random.below(len(LITERALS))])
        else:
            code_point = random.below(0x3000)
            text.append(chr(code_point) * (1 + random.below(120)))
    return "".join(text)
