"""The table file: little endian, every section at a multiple of 64 bytes, zeros between sections.

offset  size
     0     8  magic "HERDEMBT"
     8     4  format version, 1
    12     4  dimension, 256
    16     4  tokens in the vocabulary
    20     4  longest word in characters; longer ones become the unknown token
    24     4  id of the unknown token
    28     4  0
    32     8  length of the file
    40     8  CRC-64/XZ of the whole file but these 8 bytes
    48   128  offset and length in bytes (8 + 8) of the eight sections:
              0 where each token starts in section 1, and its end: uint32, tokens + 1
              1 the tokens, UTF-8, in order of id
              2 ids of the tokens that are taken literally from the raw text ([CLS] ...): uint32
              3 block of entries for each 128 code points: uint16, 8704
              4 entries, 128 per block (character_classes.py): uint32
              5 elements: code point << 10 | rank << 2 | class: uint32
              6 one scale per row: float32
              7 rows: int8, tokens x 256
"""

import struct

import numpy

from character_classes import CharacterClasses
from crc64 import crc64

MAGIC = b"HERDEMBT"
VERSION = 1
HEADER = struct.Struct("<8sIIIIIIQQ")
CHECKSUM_OFFSET = 40


def table_bytes(
    vocabulary: list[str],
    special_ids: list[int],
    unknown_id: int,
    word_limit: int,
    classes: CharacterClasses,
    rows: numpy.ndarray,
    scales: numpy.ndarray,
) -> bytes:
    encoded = [token.encode() for token in vocabulary]
    starts = numpy.cumsum([0] + [len(token) for token in encoded])
    sections = [
        starts.astype("<u4").tobytes(),
        b"".join(encoded),
        numpy.array(special_ids, "<u4").tobytes(),
        numpy.array(classes.index, "<u2").tobytes(),
        numpy.array(classes.entries, "<u4").tobytes(),
        numpy.array(classes.elements, "<u4").tobytes(),
        scales.astype("<f4").tobytes(),
        rows.astype(numpy.int8).tobytes(),
    ]
    content = bytearray(HEADER.size + 16 * len(sections))
    for number, section in enumerate(sections):
        content.extend(bytes(-len(content) % 64))
        struct.pack_into("<QQ", content, HEADER.size + 16 * number, len(content), len(section))
        content.extend(section)
    HEADER.pack_into(
        content, 0, MAGIC, VERSION, rows.shape[1], len(vocabulary), word_limit, unknown_id, 0, len(content), 0)
    checksum = crc64(bytes(content[CHECKSUM_OFFSET + 8 :]), crc64(bytes(content[:CHECKSUM_OFFSET])))
    struct.pack_into("<Q", content, CHECKSUM_OFFSET, checksum)
    return bytes(content)


def read_rows(path) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The rows and scales of a table file."""
    content = path.read_bytes()
    _, _, dimension, tokens, *_ = HEADER.unpack_from(content)
    scales_at, _, rows_at, _ = struct.unpack_from("<QQQQ", content, HEADER.size + 16 * 6)
    rows = numpy.frombuffer(content, numpy.int8, tokens * dimension, rows_at).reshape(tokens, dimension)
    return rows, numpy.frombuffer(content, "<f4", tokens, scales_at)
