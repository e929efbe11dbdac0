#include "herd_scan.h"

#include <string.h>

/// Fields of one message type that a scan can tell apart when it looks for repetitions.
#define SEEN_WORDS 4

static const char too_many_fields[] = "there are more than 262,144 fields or elements; send them in several messages";
static const char expands_too_far[] = "decoding would take more than eight times the bytes sent; send several messages";

typedef struct frame {
    const ProtobufCMessageDescriptor *descriptor;
    /// The field of this message that the next frame is the value of.
    const ProtobufCFieldDescriptor *field;
    const uint8_t *end;
    /// Fields of this message so far, and those of the messages around it that its reader has open meanwhile.
    size_t fields;
    /// The most fields that were open at one time in a message inside this one.
    size_t fields_inside;
    /// One bit per singular message field that occurred.
    uint64_t seen[SEEN_WORDS];
} frame;

typedef struct scan {
    const uint8_t *start;
    const uint8_t *at;
    size_t decoded;
    size_t decoded_limit;
    unsigned depth;
    herd_scan_report *report;
    frame frames[HERD_SCAN_MAX_DEPTH];
} scan;

static size_t aligned(size_t size) {
    return (size + 7u) & ~(size_t)7u;
}

/// Ends a scan; `field` is the innermost name of the path and may be NULL.
static herd_scan_status fail(
    scan *scan, herd_scan_status status, const uint8_t *where, const ProtobufCFieldDescriptor *field,
    const char *reason) {
    herd_scan_report *report = scan->report;
    report->status = status;
    report->reason = reason;
    report->offset = (size_t)(where - scan->start);
    report->path_count = 0;
    for (unsigned i = 0; i + 1 < scan->depth; i += 1) {
        report->path[report->path_count++] = scan->frames[i].field->name;
    }
    if (field != NULL) {
        report->path[report->path_count++] = field->name;
    }
    return status;
}

/// The length of the varint at `at` if it ends within `most` bytes and before `end`, else 0.
static size_t varint_length(const uint8_t *at, const uint8_t *end, size_t most) {
    size_t available = (size_t)(end - at);
    size_t limit = available < most ? available : most;
    for (size_t i = 0; i < limit; i += 1) {
        if (at[i] < 0x80) {
            return i + 1;
        }
    }
    return 0;
}

static uint64_t varint_value(const uint8_t *at, size_t length) {
    uint64_t value = 0;
    for (size_t i = 0; i < length; i += 1) {
        value |= (uint64_t)(at[i] & 0x7f) << (7 * i);
    }
    return value;
}

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *descriptor, uint32_t number) {
    // Ranges of consecutive numbers, with one entry past the last that holds the count of fields.
    unsigned low = 0;
    unsigned high = descriptor->n_field_ranges;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        const ProtobufCIntRange *range = &descriptor->field_ranges[middle];
        if (number < (uint32_t)range->start_value) {
            high = middle;
        } else if (number - (uint32_t)range->start_value >= range[1].orig_index - range[0].orig_index) {
            low = middle + 1;
        } else {
            return &descriptor->fields[range->orig_index + (number - (uint32_t)range->start_value)];
        }
    }
    return NULL;
}

/// Well-formed UTF-8 byte sequences after table 3-7 of the Unicode Standard, without U+0000.
/// Returns `end` if all is well, else the offending byte.
static const uint8_t *check_text(const uint8_t *at, const uint8_t *end) {
    const uint64_t high_bits = 0x8080808080808080u;
    const uint64_t low_bits = 0x0101010101010101u;
    while (at < end) {
        while (end - at >= 8) {
            uint64_t word;
            memcpy(&word, at, 8);
            // A byte of 0x80 or more has its high bit set, and so has a byte of 0 once 1 is taken off.
            if (((word | (word - low_bits)) & high_bits) != 0) {
                break;
            }
            at += 8;
        }
        if (at == end) {
            break;
        }
        uint8_t lead = *at;
        if (lead < 0x80) {
            if (lead == 0) {
                return at;
            }
            at += 1;
            continue;
        }
        size_t more;
        uint8_t least = 0x80;
        uint8_t most = 0xbf;
        if (lead >= 0xc2 && lead <= 0xdf) {
            more = 1;
        } else if (lead >= 0xe0 && lead <= 0xef) {
            more = 2;
            least = lead == 0xe0 ? 0xa0 : 0x80;
            most = lead == 0xed ? 0x9f : 0xbf;
        } else if (lead >= 0xf0 && lead <= 0xf4) {
            more = 3;
            least = lead == 0xf0 ? 0x90 : 0x80;
            most = lead == 0xf4 ? 0x8f : 0xbf;
        } else {
            return at;
        }
        if ((size_t)(end - at) <= more || at[1] < least || at[1] > most) {
            return at;
        }
        for (size_t i = 2; i <= more; i += 1) {
            if ((at[i] & 0xc0) != 0x80) {
                return at;
            }
        }
        at += more + 1;
    }
    return end;
}

/// The wire type of a single value of this type.
static unsigned natural_wire_type(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    default:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

/// Bytes that one element of a list takes in the C message.
static size_t element_size(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

/// Checks the elements of a packed list that lies between `at` and `end`.
static herd_scan_status scan_packed(
    scan *scan, const ProtobufCFieldDescriptor *field, const uint8_t *at, const uint8_t *end) {
    unsigned wire_type = natural_wire_type(field->type);
    size_t count = 0;
    if (wire_type != PROTOBUF_C_WIRE_TYPE_VARINT) {
        size_t width = wire_type == PROTOBUF_C_WIRE_TYPE_32BIT ? 4 : 8;
        if ((size_t)(end - at) % width != 0) {
            return fail(scan, HERD_SCAN_MALFORMED, at, field, "its length is no multiple of its elements' size");
        }
        count = (size_t)(end - at) / width;
    } else {
        while (at < end) {
            size_t length = varint_length(at, end, 10);
            if (length == 0) {
                return fail(scan, HERD_SCAN_MALFORMED, at, field, "an element does not end within ten bytes");
            }
            if (field->type == PROTOBUF_C_TYPE_BOOL && *at > 1) {
                return fail(scan, HERD_SCAN_MALFORMED, at, field, "an element is neither 0 nor 1");
            }
            at += length;
            count += 1;
        }
    }
    scan->decoded += aligned(count * element_size(field->type));
    return HERD_SCAN_SOUND;
}

static herd_scan_status enter_message(
    scan *scan, const ProtobufCFieldDescriptor *field, const uint8_t *at, const uint8_t *end) {
    frame *outer = &scan->frames[scan->depth - 1];
    if (scan->depth == HERD_SCAN_MAX_DEPTH) {
        return fail(scan, HERD_SCAN_TOO_DEEP, at, field, "messages are nested more than 32 deep; send a flatter one");
    }
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        size_t index = (size_t)(field - outer->descriptor->fields);
        if (index < SEEN_WORDS * 64) {
            uint64_t bit = (uint64_t)1 << (index % 64);
            if ((outer->seen[index / 64] & bit) != 0) {
                return fail(scan, HERD_SCAN_MALFORMED, at, field, "it occurs twice and is no list");
            }
            outer->seen[index / 64] |= bit;
        }
    }
    outer->field = field;
    frame *inner = &scan->frames[scan->depth];
    memset(inner, 0, sizeof(*inner));
    inner->descriptor = field->descriptor;
    inner->end = end;
    scan->depth += 1;
    scan->decoded += aligned(inner->descriptor->sizeof_message);
    scan->at = at;
    return HERD_SCAN_SOUND;
}

static herd_scan_status scan_length_prefixed(
    scan *scan, const ProtobufCFieldDescriptor *field, const uint8_t *at, const uint8_t *limit) {
    // protobuf-c reads lengths of up to five bytes.
    size_t prefix = varint_length(at, limit, 5);
    if (prefix == 0) {
        return fail(scan, HERD_SCAN_MALFORMED, at, field, "its length is cut off or runs over five bytes");
    }
    uint64_t length = varint_value(at, prefix);
    at += prefix;
    if (length > (uint64_t)(limit - at)) {
        return fail(scan, HERD_SCAN_MALFORMED, at, field, "its length passes the end of the message");
    }
    const uint8_t *end = at + length;
    scan->at = end;
    if (field == NULL) {
        scan->decoded += sizeof(ProtobufCMessageUnknownField) + aligned((size_t)(end - at) + prefix);
        return HERD_SCAN_SOUND;
    }
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        if (natural_wire_type(field->type) != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
            return scan_packed(scan, field, at, end);
        }
        scan->decoded += element_size(field->type);
    }
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const uint8_t *bad = check_text(at, end);
        if (bad != end) {
            if (*bad == 0) {
                return fail(scan, HERD_SCAN_CONTAINS_NUL, bad, field, "a text contains U+0000; leave it out");
            }
            return fail(scan, HERD_SCAN_NOT_UTF8, bad, field, "a text is no valid UTF-8; encode it so");
        }
        scan->decoded += aligned((size_t)(end - at) + 1);
        return HERD_SCAN_SOUND;
    }
    case PROTOBUF_C_TYPE_BYTES:
        scan->decoded += aligned((size_t)(end - at));
        return HERD_SCAN_SOUND;
    case PROTOBUF_C_TYPE_MESSAGE:
        return enter_message(scan, field, at, end);
    default:
        return fail(scan, HERD_SCAN_MALFORMED, at, field, "it has another type than the message declares");
    }
}

/// Scans the field at `scan->at`: its tag and, but for a message's fields, its value.
static herd_scan_status scan_field(scan *scan) {
    frame *frame = &scan->frames[scan->depth - 1];
    const uint8_t *at = scan->at;
    const uint8_t *limit = frame->end;
    size_t tag_length = varint_length(at, limit, 5);
    uint64_t tag = tag_length == 0 ? 0 : varint_value(at, tag_length);
    if (tag >> 3 == 0 || tag > UINT32_MAX) {
        return fail(scan, HERD_SCAN_MALFORMED, at, NULL, "a field's tag is cut off or impossible");
    }
    unsigned wire_type = (unsigned)(tag & 7);
    const ProtobufCFieldDescriptor *field = find_field(frame->descriptor, (uint32_t)(tag >> 3));
    frame->fields += 1;
    if (frame->fields > HERD_SCAN_MAX_FIELDS) {
        return fail(scan, HERD_SCAN_TOO_LARGE, at, field, too_many_fields);
    }
    at += tag_length;
    if (wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
        return scan_length_prefixed(scan, field, at, limit);
    }
    if (field != NULL && natural_wire_type(field->type) != wire_type) {
        return fail(scan, HERD_SCAN_MALFORMED, scan->at, field, "it has another type than the message declares");
    }
    size_t length;
    switch (wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        length = varint_length(at, limit, 10);
        break;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        length = limit - at >= 8 ? 8 : 0;
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        length = limit - at >= 4 ? 4 : 0;
        break;
    default:
        return fail(scan, HERD_SCAN_MALFORMED, scan->at, field, "groups are not supported");
    }
    if (length == 0) {
        return fail(scan, HERD_SCAN_MALFORMED, at, field, "its value is cut off");
    }
    if (field == NULL) {
        scan->decoded += sizeof(ProtobufCMessageUnknownField) + aligned(length);
    } else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        scan->decoded += element_size(field->type);
    }
    scan->at = at + length;
    return HERD_SCAN_SOUND;
}

herd_scan_status herd_message_scan(
    const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size, herd_scan_report *report) {
    static const uint8_t nothing = 0;
    scan scan;
    scan.start = data != NULL ? data : &nothing;
    scan.at = scan.start;
    scan.report = report;
    scan.depth = 1;
    scan.decoded = aligned(descriptor->sizeof_message);
    report->status = HERD_SCAN_SOUND;
    report->reason = NULL;
    report->offset = 0;
    report->path_count = 0;
    if (size > INT32_MAX) {
        return fail(&scan, HERD_SCAN_TOO_LARGE, scan.start, NULL, "the message is larger than 2 GiB; split it");
    }
    scan.decoded_limit = HERD_SCAN_MAX_EXPANSION * size + HERD_SCAN_ALLOWANCE;
    frame *outermost = &scan.frames[0];
    memset(outermost, 0, sizeof(*outermost));
    outermost->descriptor = descriptor;
    outermost->end = scan.start + size;
    for (;;) {
        frame *frame = &scan.frames[scan.depth - 1];
        if (scan.at == frame->end) {
            size_t open = frame->fields + frame->fields_inside;
            if (open > HERD_SCAN_MAX_FIELDS) {
                return fail(&scan, HERD_SCAN_TOO_LARGE, scan.at, NULL, too_many_fields);
            }
            if (scan.depth == 1) {
                break;
            }
            scan.depth -= 1;
            if (frame[-1].fields_inside < open) {
                frame[-1].fields_inside = open;
            }
            continue;
        }
        herd_scan_status status = scan_field(&scan);
        if (status != HERD_SCAN_SOUND) {
            return status;
        }
        if (scan.decoded > scan.decoded_limit) {
            return fail(&scan, HERD_SCAN_TOO_LARGE, scan.at, NULL, expands_too_far);
        }
    }
    report->decoded_size = scan.decoded;
    return HERD_SCAN_SOUND;
}

ProtobufCMessage *herd_message_unpack(
    const ProtobufCMessageDescriptor *descriptor, herd_arena *arena, const uint8_t *data, size_t size,
    herd_scan_report *report) {
    if (herd_message_scan(descriptor, data, size, report) != HERD_SCAN_SOUND) {
        return NULL;
    }
    ProtobufCMessage *message =
        arena == NULL ? NULL : protobuf_c_message_unpack(descriptor, &arena->allocator, size, data);
    if (message == NULL) {
        // The scan admits nothing that protobuf-c refuses, so this is the allocator's failure.
        report->status = HERD_SCAN_NO_MEMORY;
        report->reason = "there is not enough memory to decode it";
    }
    return message;
}
