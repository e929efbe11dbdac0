"""What the reference tokenizer does to each code point, found by asking it, not by imitating it.

The normalizer cleans, pads CJK, decomposes (NFD), drops nonspacing marks, lower-cases; the pre-tokenizer splits at
space and around punctuation. All of it but the canonical order of marks depends on one code point at a time, so each
code point is described by the *elements* it turns into. An element is a code point with a class and a rank of canonical
combining class (0 = starter); elements of rank > 0 between two starters are sorted by rank, keeping the order of equals.
"""

from functools import cmp_to_key

from tokenizers import Tokenizer, normalizers, pre_tokenizers

CODE_POINTS = 0x110000
BLOCK = 128

# Classes of elements.
WORD, ISOLATED, SPACE, NOTHING = range(4)

# Kinds of entries. KEEP and ALONE: the code point itself, as part of a word or as a word of its own; DROP: nothing, not
# even a starter; LIST: count << 3 | offset << 8 into the elements; the last two: another code point << 8.
KEEP, DROP, BLANK, ALONE, LIST, KEEP_AS, ALONE_AS = range(7)


def is_scalar(code_point: int) -> bool:
    return not 0xD800 <= code_point <= 0xDFFF


def _stage(**enabled) -> normalizers.BertNormalizer:
    stages = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**(stages | enabled))


class CharacterClasses:
    """`index` (block of each 128 code points), `entries` (128 per block) and `elements`, as the table file holds them."""

    def __init__(self, tokenizer: Tokenizer):
        assert isinstance(tokenizer.normalizer, normalizers.BertNormalizer)
        assert isinstance(tokenizer.pre_tokenizer, pre_tokenizers.BertPreTokenizer)
        self._clean = _stage(clean_text=True)
        self._pad = _stage(handle_chinese_chars=True)
        self._strip = _stage(strip_accents=True)
        self._lower = _stage(lowercase=True)
        self._nfd = normalizers.NFD()
        self._split = tokenizer.pre_tokenizer
        self._ranks = self._combining_ranks()
        self.elements: list[int] = []
        self._offsets: dict[tuple[int, ...], int] = {}
        entries = [self._entry(c) if is_scalar(c) else DROP for c in range(CODE_POINTS)]
        blocks: dict[tuple[int, ...], int] = {}
        self.index = []
        for start in range(0, CODE_POINTS, BLOCK):
            block = tuple(entries[start : start + BLOCK])
            self.index.append(blocks.setdefault(block, len(blocks)))
        self.entries = [entry for block in blocks for entry in block]

    def _combining_ranks(self) -> dict[int, int]:
        """Marks ranked by canonical combining class: two marks swap exactly where the first has the greater class."""

        def swaps(first: str, second: str) -> bool:
            return self._nfd.normalize_str("a" + first + second) == "a" + second + first

        lowest, highest = "\u0334", "\u0345"  # classes 1 and 240, the least and the greatest
        marks = []
        for code_point in filter(is_scalar, range(0x300, CODE_POINTS)):
            mark = chr(code_point)
            if self._nfd.normalize_str(mark) != mark:
                continue
            if swaps(highest, mark) or swaps(mark, lowest) or mark in (lowest, highest):
                marks.append(mark)
        marks.sort(key=cmp_to_key(lambda a, b: swaps(a, b) - swaps(b, a)))
        ranks, rank = {}, 0
        for position, mark in enumerate(marks):
            if position == 0 or swaps(mark, marks[position - 1]):
                rank += 1
            ranks[ord(mark)] = rank
        assert 40 < rank < 256, rank
        return ranks

    def _class(self, character: str) -> int:
        pieces = [piece for piece, _ in self._split.pre_tokenize_str("x" + character + "y")]
        if pieces == ["x" + character + "y"]:
            return WORD
        if pieces == ["x", character, "y"]:
            return ISOLATED
        assert pieces == ["x", "y"], (character, pieces)
        return SPACE

    def _entry(self, code_point: int) -> int:
        character = chr(code_point)
        cleaned = self._clean.normalize_str(character)
        if cleaned == "":
            return DROP
        assert len(cleaned) == 1
        if cleaned == " " and self._class(" ") == SPACE:
            return BLANK
        assert cleaned == character
        padded = self._pad.normalize_str(character)
        assert padded in (character, f" {character} ")
        parts = []
        for part in self._nfd.normalize_str(character):
            rank = self._ranks.get(ord(part), 0)
            if self._strip.normalize_str(part) == "":
                if rank == 0:
                    parts.append((0, 0, NOTHING))
                continue
            for lowered in self._lower.normalize_str(part):
                kind = self._class(lowered)
                if padded != character:
                    assert kind == WORD
                    kind = ISOLATED
                assert rank == 0 or kind == WORD, "a mark that is sorted must belong to a word"
                parts.append((ord(lowered), rank, kind))
        assert padded == character or len(parts) == 1
        return self._encode(code_point, parts)

    def _encode(self, code_point: int, parts: list[tuple[int, int, int]]) -> int:
        if not parts:
            return DROP
        if len(parts) == 1:
            (to, rank, kind), = parts
            if rank == 0 and kind == WORD:
                return KEEP if to == code_point else KEEP_AS | to << 8
            if rank == 0 and kind == ISOLATED:
                return ALONE if to == code_point else ALONE_AS | to << 8
            if kind == SPACE:
                return BLANK
        packed = tuple(to << 10 | rank << 2 | kind for to, rank, kind in parts)
        offset = self._offsets.get(packed)
        if offset is None:
            offset = self._offsets[packed] = len(self.elements)
            self.elements.extend(packed)
        assert len(packed) < 32 and offset < 1 << 24
        return LIST | len(packed) << 3 | offset << 8
