import Foundation
import Testing

/// A program of another package that depends on this one with `traits: []`.
@Suite struct ThinClientTests {
    /// Compiles swift-nio once more: about a minute the first time, seconds later.
    @Test(.timeLimit(.minutes(10)))
    func itFetchesNothingButNIOAndLogLinksNoFoundationAndCalls() async throws {
        try await withHerd { herd in
            let result = try await Programs.run(
                ProjectPython.root.appending(path: "Scripts/thin-client.sh"), [try herd.router.address("router")])
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.output.contains("router is "))
        }
    }
}
