import HerdMessages
import HerdReflection
import RandomMessages

extension FuzzTarget {
    /// JSON that `herdctl call` sends: what becomes a message comes back from that message's own JSON.
    ///
    /// The first two bytes choose the type of the message.
    static let jsonMessage = FuzzTarget(name: "json-message") { bytes in
        guard bytes.count >= 2 else { return nil }
        let type = allWireMessages[(Int(bytes[0]) | Int(bytes[1]) << 8) % allWireMessages.count]
        return violation(of: Array(bytes[2...]), type)
    } seeds: {
        let names = ["RouteRequest", "PutModelRequest", "ImportRequest", "CompleteRequest", "PerficsRequest"]
        var texts: [[UInt8]] = []
        for (index, type) in allWireMessages.enumerated() {
            guard names.contains(where: { type.fullName == "herd.v1.\($0)" }) else { continue }
            for seed in 0..<3 {
                var wire = RandomWire(seed: UInt64(90 + seed))
                let json: [UInt8] = json(of: type, &wire)
                texts.append([UInt8(index & 0xFF), UInt8(index >> 8)] + json)
            }
        }
        return texts
    }

    private static func violation<M: GeneratedMessage>(of json: [UInt8], _ type: M.Type) -> Violation? {
        guard let packed = try? MessageJSON.packed(json, as: type) else { return nil }
        guard let message = try? M(packed: packed) else {
            return Violation("\(M.fullName) does not take what its JSON was packed to")
        }
        let text = MessageJSON.text(of: message, onOneLine: true)
        guard let again = try? MessageJSON.packed(Array(text.utf8), as: type) else {
            return Violation("\(M.fullName) does not take its own JSON: \(text)")
        }
        guard again == packed else { return Violation("\(M.fullName) comes back otherwise from \(text)") }
        return nil
    }

    private static func json<M: GeneratedMessage>(of type: M.Type, _ wire: inout RandomWire) -> [UInt8] {
        let packed = wire.message(M.descriptor, depth: 2)
        let message = (try? M(packed: packed)) ?? M()
        return Array(MessageJSON.text(of: message, onOneLine: true).utf8)
    }
}
