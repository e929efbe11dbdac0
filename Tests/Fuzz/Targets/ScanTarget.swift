import CMessages
import CScratchMessages
import Glibc
import RandomMessages

extension FuzzTarget {
    /// The scan before protobuf-c: what it finds sound protobuf-c unpacks, in no more memory than the scan said.
    ///
    /// The first byte chooses a type of the scratch messages, which have fields of every kind.
    static let scan = FuzzTarget(name: "scan") { bytes in
        guard let first = bytes.first else { return nil }
        let descriptor = scratchDescriptors[Int(first) % scratchDescriptors.count]
        let body = UnsafeRawBufferPointer(rebasing: bytes[1...])
        // A copy of exactly that size, so that the address sanitizer sees each byte read past it.
        let exact = UnsafeMutableRawBufferPointer.allocate(byteCount: body.count, alignment: 1)
        defer { exact.deallocate() }
        exact.copyMemory(from: body)
        let data = exact.baseAddress?.assumingMemoryBound(to: UInt8.self)
        var report = herd_scan_report()
        let status = herd_message_scan(descriptor, data, exact.count, &report)
        guard status == HERD_SCAN_SOUND else {
            return report.offset <= exact.count ? nil : Violation("the scan points past the end of its bytes")
        }
        guard report.decoded_size <= 8 * exact.count + (256 << 10) else {
            return Violation("\(exact.count) bytes are let through to take \(report.decoded_size)")
        }
        var held = 0
        return withUnsafeMutablePointer(to: &held) { held in
            var allocator = countingAllocator(held)
            guard let message = protobuf_c_message_unpack(descriptor, &allocator, exact.count, data) else {
                return Violation("the scan finds sound what protobuf-c refuses")
            }
            defer { protobuf_c_message_free_unpacked(message, &allocator) }
            guard held.pointee <= report.decoded_size else {
                return Violation("the scan said \(report.decoded_size) bytes, protobuf-c took \(held.pointee)")
            }
            return nil
        }
    } seeds: {
        scratchDescriptors.indices.flatMap { index in
            (0..<4).map { seed in
                var wire = RandomWire(seed: UInt64(100 * index + seed))
                return [UInt8(index)] + wire.message(scratchDescriptors[index], depth: 3)
            }
        }
    }
}

/// Allocates as usual and keeps account of what is held, in a word before each piece of memory.
private func countingAllocator(_ held: UnsafeMutablePointer<Int>) -> ProtobufCAllocator {
    ProtobufCAllocator(
        alloc: { held, size in
            guard let memory = malloc(size + prefixSize) else { return nil }
            held?.assumingMemoryBound(to: Int.self).pointee += size
            memory.storeBytes(of: size, as: Int.self)
            return memory + prefixSize
        },
        free: { held, memory in
            guard let memory else { return }
            held?.assumingMemoryBound(to: Int.self).pointee -= (memory - prefixSize).load(as: Int.self)
            free(memory - prefixSize)
        }, allocator_data: held)
}

/// Keeps what follows aligned as malloc does.
private let prefixSize = 16

/// `Everything` holds each of the other scratch messages, `Tree` itself.
nonisolated(unsafe) private let scratchDescriptors: [UnsafePointer<ProtobufCMessageDescriptor>] = [
    scratch__v1__everything__descriptor_address(), scratch__v1__tree__descriptor_address(),
]
