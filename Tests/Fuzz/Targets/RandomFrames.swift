import HerdFrames
import RandomMessages

/// Frames of every kind with random content, for corpora.
struct RandomFrames {
    private var wire: RandomWire

    init(seed: UInt64) {
        wire = RandomWire(seed: seed)
    }

    mutating func frame() -> Frame {
        let kinds: [Frame.Kind] = [
            .hello, .request, .message, .end, .cancel, .credit, .ping, .pong, .goAway, Frame.Kind(rawValue: 77),
        ]
        var frame = Frame(kinds[wire.chance(in: kinds.count)])
        if wire.chance(in: 3) > 0 { frame.call = UInt64(wire.chance(in: 1_000)) }
        if frame.kind == .request { frame.method = "herd.v1.Admin/Health" }
        if wire.chance(in: 2) == 0 { frame.timeoutMicroseconds = wire.random.next() }
        if wire.chance(in: 2) == 0 { frame.payload = (0..<wire.chance(in: 40)).map { UInt8($0) } }
        if wire.chance(in: 3) == 0 { frame.code = StatusCode(rawValue: UInt32(wire.chance(in: 20))) }
        if wire.chance(in: 3) == 0 { frame.message = wire.text() }
        for _ in 0..<wire.chance(in: 3) { frame.metadata[wire.text()] = wire.text() }
        if wire.chance(in: 3) == 0 { frame.credit = UInt32(wire.chance(in: 100)) }
        if frame.kind == .hello { frame.version = 1 }
        return frame
    }
}
