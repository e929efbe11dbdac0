#define _GNU_SOURCE
#include "CLMDB.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

// LMDB takes keys as mutable but never writes to them.
static MDB_val bytes_of(const void *bytes, size_t length) {
    MDB_val value = {.mv_size = length, .mv_data = (void *)bytes};
    return value;
}

int herd_lmdb_get(
    MDB_txn *transaction, MDB_dbi table, const void *key, size_t key_length, const void **value, size_t *value_length) {
    MDB_val sought = bytes_of(key, key_length), found = {0};
    int status = mdb_get(transaction, table, &sought, &found);
    *value = found.mv_data;
    *value_length = found.mv_size;
    return status;
}

int herd_lmdb_reserve(
    MDB_txn *transaction, MDB_dbi table, const void *key, size_t key_length, size_t value_length, unsigned int flags,
    void **space) {
    MDB_val target = bytes_of(key, key_length), value = bytes_of(NULL, value_length);
    int status = mdb_put(transaction, table, &target, &value, flags | MDB_RESERVE);
    *space = status == MDB_SUCCESS ? value.mv_data : NULL;
    return status;
}

int herd_lmdb_remove(MDB_txn *transaction, MDB_dbi table, const void *key, size_t key_length) {
    MDB_val target = bytes_of(key, key_length);
    return mdb_del(transaction, table, &target, NULL);
}

int herd_lmdb_cursor_seek(
    MDB_cursor *cursor, const void *sought, size_t sought_length, const void **key, size_t *key_length,
    const void **value, size_t *value_length) {
    MDB_val found_key = bytes_of(sought, sought_length), found = {0};
    int status = mdb_cursor_get(cursor, &found_key, &found, MDB_SET_RANGE);
    *key = found_key.mv_data;
    *key_length = found_key.mv_size;
    *value = found.mv_data;
    *value_length = found.mv_size;
    return status;
}

int herd_lmdb_cursor_move(
    MDB_cursor *cursor, MDB_cursor_op move, const void **key, size_t *key_length, const void **value,
    size_t *value_length) {
    MDB_val found_key = {0}, found = {0};
    int status = mdb_cursor_get(cursor, &found_key, &found, move);
    *key = found_key.mv_data;
    *key_length = found_key.mv_size;
    *value = found.mv_data;
    *value_length = found.mv_size;
    return status;
}

int herd_lmdb_free_pages(MDB_txn *transaction, size_t most, size_t *pages) {
    MDB_cursor *cursor;
    // Table 0 lists the free pages: each value is a count and as many page numbers.
    int status = mdb_cursor_open(transaction, 0, &cursor);
    *pages = 0;
    if (status != MDB_SUCCESS) return status;
    MDB_val key = {0}, value = {0};
    for (size_t records = 0; records < most; records++) {
        size_t count = 0;
        if ((status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) != MDB_SUCCESS) break;
        if (value.mv_size >= sizeof count) memcpy(&count, value.mv_data, sizeof count);
        *pages += count;
    }
    mdb_cursor_close(cursor);
    return status == MDB_NOTFOUND ? MDB_SUCCESS : status;
}

int herd_pipe(int ends[2]) {
    int status = pipe2(ends, O_CLOEXEC);
    // As much as goes through at once; with the 64 KiB it has of itself it takes a third longer.
    if (status == 0) fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
    return status;
}
