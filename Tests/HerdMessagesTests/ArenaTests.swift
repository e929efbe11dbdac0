import CMessages
import HerdMessages
import Testing

@Suite("The arena")
struct ArenaTests {
    @Test("Memory is aligned, apart, and large enough whatever the sizes")
    func allocation() throws {
        let arena = try #require(herd_arena_acquire())
        var blocks: [UnsafeMutableRawBufferPointer] = []
        for size in [0, 1, 7, 8, 9, 4_096, 16_384, 16_385, 300_000, 5, 2_000_000, 64] {
            let memory = try #require(herd_arena_allocate(arena, size))
            #expect(UInt(bitPattern: memory) % 8 == 0)
            memory.initializeMemory(as: UInt8.self, repeating: UInt8(blocks.count), count: size)
            blocks.append(UnsafeMutableRawBufferPointer(start: memory, count: size))
        }
        for (index, block) in blocks.enumerated() {
            #expect(block.allSatisfy { $0 == UInt8(index) })
        }
        #expect(herd_arena_allocate(arena, .max) == nil)
        #expect(herd_arena_allocate(arena, Int.max) == nil)
        herd_arena_release(arena)
        herd_arena_release(nil)
    }

    @Test("Several messages can be prepared at once")
    func nested() {
        let first = RouteMessageTests.request.prepared()
        let second = Everything.sample.prepared()
        let decoded = try? Everything(packed: Everything.sample.pack())
        #expect(decoded == Everything.sample)
        #expect(bytes(first) == RouteMessageTests.request.pack())
        #expect(bytes(second) == Everything.sample.pack())
    }

    private func bytes(_ prepared: borrowing PreparedMessage) -> [UInt8] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: prepared.size, alignment: 1)
        defer { buffer.deallocate() }
        return prepared.write(to: buffer) == nil ? [] : Array(buffer)
    }

    @Test("Many tasks pack and unpack at once")
    func concurrency() async throws {
        let packed = Everything.sample.pack()
        let equal = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<64 {
                group.addTask {
                    for _ in 0..<100 {
                        guard let value = try? Everything(packed: packed), value.pack() == packed else { return false }
                        await Task.yield()
                    }
                    return true
                }
            }
            return await group.allSatisfy { $0 }
        }
        #expect(equal)
    }

    @Test("The descriptor set holds the services and the frame")
    func descriptors() {
        let text = String(decoding: FileDescriptors.packed, as: UTF8.self)
        for name in ["herd/rpc/v1/frame.proto", "herd/v1/router.proto", "WatchPredictor", "RouteRequest"] {
            #expect(text.contains(name))
        }
        #expect(!text.contains("herd/store"))
    }
}
