#pragma once

#include <lmdb.h>
#include <stddef.h>
#include <stdint.h>

// Typed calls into LMDB with plain pointers and lengths, so that Swift builds no MDB_val and casts no const away,
// and the checksum that HerdStore keeps with every value. Nothing here allocates or keeps state.

#ifdef __cplusplus
extern "C" {
#endif

/// mdb_get: on success *value and *value_length are the bytes in the map, valid until the transaction ends or,
/// in a write transaction, until its next update.
int herd_lmdb_get(
    MDB_txn *_Nonnull transaction, MDB_dbi table, const void *_Nullable key, size_t key_length,
    const void *_Nullable *_Nonnull value, size_t *_Nonnull value_length);

/// mdb_put with MDB_RESERVE: *space is room for value_length bytes, to be filled before the next update.
int herd_lmdb_reserve(
    MDB_txn *_Nonnull transaction, MDB_dbi table, const void *_Nullable key, size_t key_length, size_t value_length,
    unsigned int flags, void *_Nullable *_Nonnull space);

/// mdb_del of a key and its value.
int herd_lmdb_remove(MDB_txn *_Nonnull transaction, MDB_dbi table, const void *_Nullable key, size_t key_length);

/// mdb_cursor_get with MDB_SET_RANGE: the first key that is not less than the given one.
int herd_lmdb_cursor_seek(
    MDB_cursor *_Nonnull cursor, const void *_Nullable sought, size_t sought_length,
    const void *_Nullable *_Nonnull key, size_t *_Nonnull key_length,
    const void *_Nullable *_Nonnull value, size_t *_Nonnull value_length);

/// mdb_cursor_get for the moves that take no key: MDB_FIRST, MDB_LAST, MDB_NEXT, MDB_PREV.
int herd_lmdb_cursor_move(
    MDB_cursor *_Nonnull cursor, MDB_cursor_op move,
    const void *_Nullable *_Nonnull key, size_t *_Nonnull key_length,
    const void *_Nullable *_Nonnull value, size_t *_Nonnull value_length);

/// How many pages of the file are free, by the first `most` records of the list that a reading transaction sees.
int herd_lmdb_free_pages(MDB_txn *_Nonnull transaction, size_t most, size_t *_Nonnull pages);

/// A pipe, reading end first, that no child process inherits; 0, or -1 with errno.
int herd_pipe(int *_Nonnull ends);

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of the bytes, continuing from `checksum` (0 to start), with the
/// processor's instruction where it has one.
uint32_t herd_crc32c(uint32_t checksum, const void *_Nullable bytes, size_t length);

/// The same by table, on any processor.
uint32_t herd_crc32c_portable(uint32_t checksum, const void *_Nullable bytes, size_t length);

#ifdef __cplusplus
}
#endif
