#ifndef HERD_SCAN_H
#define HERD_SCAN_H

#include "herd_arena.h"

#ifdef __cplusplus
extern "C" {
#endif

/// How deep messages may be nested, the outermost counted as 1 and map entries as one level each.
#define HERD_SCAN_MAX_DEPTH 32

/// How many fields may be open at one time: those of a message and of the messages around it, each element of a list
/// that is not packed counted. protobuf-c keeps 40 bytes for each while it unpacks.
#define HERD_SCAN_MAX_FIELDS 262144

/// What decoding may take: this many times the packed size, plus the allowance, in bytes.
#define HERD_SCAN_MAX_EXPANSION 8
#define HERD_SCAN_ALLOWANCE (256 * 1024)

typedef enum herd_scan_status {
    HERD_SCAN_SOUND = 0,
    /// The bytes are no message of this type: truncated, an impossible tag, a field with the wrong wire type ...
    HERD_SCAN_MALFORMED = 1,
    HERD_SCAN_TOO_DEEP = 2,
    HERD_SCAN_NOT_UTF8 = 3,
    HERD_SCAN_CONTAINS_NUL = 4,
    HERD_SCAN_TOO_LARGE = 5,
    HERD_SCAN_NO_MEMORY = 6,
} herd_scan_status;

/// What a scan found.
typedef struct herd_scan_report {
    herd_scan_status status;
    /// What is wrong, as the end of a sentence; static storage; NULL where nothing is.
    const char *reason;
    /// Offset of the offending tag, length or value.
    size_t offset;
    /// Bytes the unpacked C message takes.
    size_t decoded_size;
    /// Names of the fields from the outermost message to the offending one.
    unsigned path_count;
    const char *path[HERD_SCAN_MAX_DEPTH + 1];
} herd_scan_report;

/// Whether `size` bytes at `data` are a message of type `descriptor` that protobuf-c may unpack safely.
///
/// Walks the bytes once, without recursion and without allocating. Fields the descriptor does not know are skipped;
/// groups are malformed. A singular message field that occurs twice is malformed too: the protobuf specification has
/// the two merged, which no encoder relies on and which protobuf-c 1.4.1 gets wrong where a oneof is inside.
herd_scan_status herd_message_scan(
    const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size, herd_scan_report *report);

/// Scans, then unpacks into `arena`. NULL where the scan, or memory, fails; `report` says why.
ProtobufCMessage *herd_message_unpack(
    const ProtobufCMessageDescriptor *descriptor, herd_arena *arena, const uint8_t *data, size_t size,
    herd_scan_report *report);

/// The `index`th name of the path, or NULL past its end.
static inline const char *herd_scan_path_name(const herd_scan_report *report, unsigned index) {
    return index < report->path_count ? report->path[index] : NULL;
}

#ifdef __cplusplus
}
#endif

#endif
