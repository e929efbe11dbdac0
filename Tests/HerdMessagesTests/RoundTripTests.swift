import HerdMessages
import RandomMessages
import Testing

@Suite("Random messages")
struct RoundTripTests {
    static let seed: UInt64 = 20_310

    @Test("Every wire message goes through Swift as through protobuf-c", arguments: allWireMessages.indices)
    func wire(index: Int) throws {
        try checkRoundTrips(of: allWireMessages[index], seed: Self.seed, count: 200)
    }

    @Test("Every kind of field goes through Swift as through protobuf-c", arguments: allScratchMessages.indices)
    func scratch(index: Int) throws {
        try checkRoundTrips(of: allScratchMessages[index], seed: Self.seed, count: 400)
    }
}
