import HerdServices
import RandomMessages
import Testing

@Suite("Stored records")
struct RecordRoundTripTests {
    @Test("Every record goes through Swift as through protobuf-c", arguments: allRecords.indices)
    func records(index: Int) throws {
        try checkRoundTrips(of: allRecords[index], seed: 4_207, count: 400)
    }
}
