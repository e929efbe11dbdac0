import Foundation
import Testing

/// What others build on, on one page that shows up in every review that changes it.
@Suite struct PublicAPITests {
    @Test func thePageIsUpToDate() throws {
        let process = Process()
        process.executableURL = Repository.root.appending(path: "Scripts/public-api.sh")
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let printed = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let page = try String(
            contentsOf: Repository.root.appending(path: "Sources/HerdClient/HerdClient.docc/PublicAPI.md"),
            encoding: .utf8)
        #expect(printed == page, "the public API changed: run Scripts/public-api.sh --write and review the difference")
    }
}
