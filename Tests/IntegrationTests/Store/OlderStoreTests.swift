import Foundation
import Testing

/// Stores that programs of earlier schemas wrote with all that they could hold: `Scripts/store/fixture.py` made them, with the
/// list of what is in them, and says how they are checked.
@Suite(.serialized) struct OlderStoreTests {
    @Test(.timeLimit(.minutes(1)), arguments: [(2, 264), (3, 301)])
    func everythingInAnOlderStoreIsStillThere(schema: Int, writes: Int) async throws {
        let fixture = ProjectPython.root.appending(path: "Tests/HerdServicesTests/Fixtures/whole-schema-\(schema)")
        let finished = try await ProjectPython.run(
            "Scripts/store/fixture.py", ["check", Programs.herdd.path, fixture.path])
        #expect(finished.status == 0, "\(finished.errors)")
        #expect(finished.output.contains("\(writes) writes acknowledged") && finished.output.contains(", 0 broken"))
    }
}
