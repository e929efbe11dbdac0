package import CMessages

/// Where protobuf-c's structs, and the texts and lists they point to, are built before packing.
///
/// A plain handle: whoever makes one releases `arena` once.
package struct MessageArena {
    package let arena: UnsafeMutablePointer<herd_arena>

    /// The calling thread's arena, or a new one while that is in use.
    package init() {
        guard let arena = herd_arena_acquire() else { fatalError("There is not enough memory to pack a message.") }
        self.arena = arena
    }

    /// Memory for `size` bytes, aligned to 8, not initialised.
    package func raw(_ size: Int) -> UnsafeMutableRawPointer {
        guard let memory = herd_arena_allocate(arena, size) else {
            fatalError("There is not enough memory to pack a message.")
        }
        return memory
    }

    /// A NUL-terminated copy of `text`, with U+FFFD for each U+0000 inside it.
    package func text(_ text: String) -> UnsafeMutablePointer<CChar> {
        let copied = text.utf8.withContiguousStorageIfAvailable { copy($0) }
        if let copied {
            return copied
        }
        var text = text
        return text.withUTF8 { copy($0) }
    }

    /// A copy of `bytes`.
    package func bytes(_ bytes: [UInt8]) -> ProtobufCBinaryData {
        guard !bytes.isEmpty else { return ProtobufCBinaryData(len: 0, data: nil) }
        let memory = raw(bytes.count)
        bytes.withUnsafeBytes {
            memory.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(memory), byteCount: $0.count)
        }
        return ProtobufCBinaryData(len: bytes.count, data: memory.assumingMemoryBound(to: UInt8.self))
    }

    private func copy(_ utf8: UnsafeBufferPointer<UInt8>) -> UnsafeMutablePointer<CChar> {
        guard let start = utf8.baseAddress, !utf8.isEmpty else {
            let memory = raw(1).bindMemory(to: CChar.self, capacity: 1)
            memory.pointee = 0
            return memory
        }
        guard !herd_text_contains_nul(start, utf8.count) else { return copyWithoutNULs(utf8) }
        let memory = raw(utf8.count + 1)
        memory.copyMemory(from: start, byteCount: utf8.count)
        memory.storeBytes(of: 0, toByteOffset: utf8.count, as: UInt8.self)
        return memory.assumingMemoryBound(to: CChar.self)
    }

    private func copyWithoutNULs(_ utf8: UnsafeBufferPointer<UInt8>) -> UnsafeMutablePointer<CChar> {
        MessageStatistics.countTextWithNUL()
        var replaced: [UInt8] = []
        replaced.reserveCapacity(utf8.count + 2)
        for byte in utf8 {
            if byte == 0 {
                replaced += [0xEF, 0xBF, 0xBD]
            } else {
                replaced.append(byte)
            }
        }
        return replaced.withUnsafeBufferPointer { copy($0) }
    }
}

/// The text that protobuf-c holds; empty for NULL.
package func readText(_ text: UnsafePointer<CChar>?) -> String {
    guard let text, text.pointee != 0 else { return "" }
    return String(cString: text)
}

/// The bytes that protobuf-c holds.
package func readBytes(_ bytes: ProtobufCBinaryData) -> [UInt8] {
    guard let data = bytes.data else { return [] }
    return Array(UnsafeBufferPointer(start: data, count: bytes.len))
}
