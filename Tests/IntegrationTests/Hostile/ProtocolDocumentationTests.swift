import Foundation
import Testing

/// What `Protos/README.md` shows is what goes over the wire.
@Suite(
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct ProtocolDocumentationTests {
    @Test(.timeLimit(.minutes(1))) func everyExampleIsExplainedRightAndHoldsWithAHerd() async throws {
        let finished = try await ProjectPython.run(
            "Tests/Interop/check_examples.py", ["--herdd", Programs.herdd.path])
        #expect(finished.status == 0, "\(finished.output)\(finished.errors)")
        #expect(finished.output.contains("all examples hold"))
    }
}
