"""CRC-64/XZ (ECMA-182 polynomial, reflected), as Sources/HerdPrediction/Embedding/CRC64.swift computes it."""

POLYNOMIAL = 0xC96C5795D7870F42
MASK = 0xFFFF_FFFF_FFFF_FFFF


def _table() -> list[int]:
    table = []
    for byte in range(256):
        remainder = byte
        for _ in range(8):
            remainder = (remainder >> 1) ^ POLYNOMIAL if remainder & 1 else remainder >> 1
        table.append(remainder)
    return table


_TABLE = _table()


def crc64(data: bytes, previous: int = 0) -> int:
    """The checksum of `data`, or of what gave `previous` followed by `data`."""
    crc = previous ^ MASK
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ MASK


assert crc64(b"123456789") == 0x995DC9BBDF1939FA
