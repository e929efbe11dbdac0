#ifndef HERD_DESCRIPTOR_SET_H
#define HERD_DESCRIPTOR_SET_H

#include <stddef.h>
#include <stdint.h>

/// A packed google.protobuf.FileDescriptorSet of herd/v1 and herd/rpc, for Admin/Describe; static storage.
const uint8_t *herd_descriptor_set(size_t *size);

#endif
