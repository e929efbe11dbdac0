import Foundation
import Testing

@Suite(.serialized) struct InteropTests {
    /// A Python client that shares no code with Herd: see `Tests/Interop/check_wire.py` for what it checks.
    @Test(.timeLimit(.minutes(2))) func aForeignClientGetsWhatTheProtocolPromises() async throws {
        try await withHerd { herd in
            try await herd.teach()
            let result = try await Programs.run(
                ProjectPython.interpreter,
                [
                    ProjectPython.root.appending(path: "Tests/Interop/check_wire.py").path, "--router",
                    try herd.router.address("router"),
                ])
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.output.contains(" passed, 0 failed"))
        }
    }
}
