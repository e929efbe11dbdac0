import Foundation
import HerdMessages
import RandomMessages
import Testing

@Suite(
    "Round trips through Python's protobuf",
    .enabled(if: Repository.pythonHasProtobuf, "No Python with the package protobuf; run Scripts/install.sh."))
struct PythonTests {
    static let seed: UInt64 = 1_234_321
    private static let proto = Repository.root.appending(path: "Tests/HerdMessagesTests/Scratch/scratch.proto").path
    private static let script = Repository.root.appending(path: "Tests/Interop/roundtrip.py").path
    private static let sampleJSON = Repository.root.appending(path: "Tests/Interop/roundtrip.json").path

    private static func readFrames(_ file: URL) throws -> [[UInt8]] {
        let bytes = [UInt8](try Data(contentsOf: file))
        var frames: [[UInt8]] = []
        var at = 0
        while at + 4 <= bytes.count {
            let length = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
            frames.append(Array(bytes[at + 4..<at + 4 + length]))
            at += 4 + length
        }
        return frames
    }

    private static func writeFrames(_ frames: [[UInt8]], to file: URL) throws {
        var bytes: [UInt8] = []
        for frame in frames {
            bytes += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: frame.count >> $0) } + frame
        }
        try Data(bytes).write(to: file)
    }

    /// Each frame as Python serialises it again, or nil where Python refuses it.
    private static func echo(_ message: String, _ frames: [[UInt8]], mode: String = "echo") throws -> [[UInt8]?] {
        try Repository.withTemporaryFolder { folder in
            let (sent, received) = (folder.appending(path: "sent"), folder.appending(path: "received"))
            try writeFrames(frames, to: sent)
            try Repository.run(Repository.python, [script, proto, mode, message, sent.path, received.path])
            return try readFrames(received).map { $0.first == 1 ? Array($0.dropFirst()) : nil }
        }
    }

    @Test("A message with a value in every field means the same to both")
    func sample() throws {
        let fromPython = try Repository.withTemporaryFolder { folder in
            let file = folder.appending(path: "sample")
            try Repository.run(
                Repository.python, [Self.script, Self.proto, "from-json", "Everything", Self.sampleJSON, file.path])
            return try #require(Self.readFrames(file).first)
        }
        #expect(try Everything(packed: fromPython) == Everything.sample)
        #expect(try Self.echo("Everything", [Everything.sample.pack()]) == [fromPython])
    }

    @Test("What Swift packs, Python reads and writes, Swift reads")
    func swiftToPython() throws {
        var wire = RandomWire(seed: Self.seed, allowsNaN: true)
        let packed = try (0..<1_000).map { _ in try Everything(packed: wire.message(Everything.descriptor)).pack() }
        let echoed = try Self.echo("Everything", packed)
        #expect(echoed.count == packed.count)
        for (sent, received) in zip(packed, echoed) {
            #expect(try Everything(packed: #require(received)).pack() == sent, "seed \(Self.seed)")
        }
    }

    @Test("What Python writes, Swift reads and packs, Python reads")
    func pythonToSwift() throws {
        let frames = try Repository.withTemporaryFolder { folder in
            let file = folder.appending(path: "random")
            try Repository.run(
                Repository.python, [Self.script, Self.proto, "random", "Everything", "\(Self.seed)", "1000", file.path])
            return try Self.readFrames(file)
        }
        #expect(frames.count == 1_000)
        let packed = try frames.map { try Everything(packed: $0).pack() }
        #expect(try Self.echo("Everything", packed) == Self.echo("Everything", frames), "seed \(Self.seed)")
    }

    @Test(
        "Of damaged bytes, Swift accepts nothing that Python refuses, and reads the rest as Python does",
        arguments: allScratchMessages.indices)
    func damaged(index: Int) throws {
        try Self.judge(allScratchMessages[index])
    }

    private static func judge<M: GeneratedMessage>(_ type: M.Type) throws {
        let name = String(M.fullName.dropFirst("scratch.v1.".count))
        var wire = RandomWire(seed: seed)
        let frames = (0..<1_000).map { _ in
            var bytes = wire.message(M.descriptor, depth: 1)
            mutate(&bytes, &wire.random)
            return bytes
        }
        let judged = try echo(name, frames, mode: "judge")
        try #require(judged.count == frames.count)
        var accepted: [(frame: [UInt8], packed: [UInt8], fromPython: [UInt8])] = []
        for (frame, fromPython) in zip(frames, judged) {
            guard let value = try? M(packed: frame) else { continue }
            accepted.append((frame, value.pack(), try #require(fromPython, "Python refuses \(frame), seed \(seed)")))
        }
        // Python packs both sides, as it does not keep the bits of a NaN.
        for (one, again) in zip(accepted, try echo(name, accepted.map(\.packed), mode: "judge")) {
            #expect(again == one.fromPython, "\(one.frame), seed \(seed)")
        }
        #expect(accepted.count > 50)
    }
}
