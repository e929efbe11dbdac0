import Foundation
import FuzzTargets
import Testing

/// Every input that `make fuzz` kept, and each that once found something, still finds nothing.
@Suite struct ReplayTests {
    private static let corpora = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Corpora")

    @Test(arguments: FuzzTarget.all.map(\.name))
    func `the corpus finds nothing`(name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        let files = try FileManager.default.contentsOfDirectory(
            at: Self.corpora.appending(path: name), includingPropertiesForKeys: nil)
        #expect(!files.isEmpty)
        for file in files {
            let violation = try Data(contentsOf: file).withUnsafeBytes { target.run($0) }
            #expect(violation == nil, "\(name)/\(file.lastPathComponent)")
        }
    }

    @Test(arguments: FuzzTarget.all.map(\.name))
    func `inputs cut short and bent find nothing`(name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        for seed in target.seeds().prefix(4) {
            for length in seed.indices {
                var bytes = Array(seed[...length])
                #expect(bytes.withUnsafeBytes { target.run($0) } == nil)
                bytes[length] ^= 0x80
                #expect(bytes.withUnsafeBytes { target.run($0) } == nil)
            }
        }
    }

    /// Ten minutes each, ten seconds for each of the messages, which have a target together, too.
    @Test func `every target was attacked for long enough`() throws {
        let table = try String(contentsOf: Self.corpora.appending(path: "../executions.tsv"), encoding: .utf8)
        let rows = table.split(separator: "\n").dropFirst().map { $0.split(separator: "\t") }
        let seconds = Dictionary(rows.map { (String($0[0]), Int($0[2]) ?? 0) }, uniquingKeysWith: max)
        for name in FuzzTarget.all.map(\.name) {
            let least = name.hasPrefix("message.") ? 10 : 600
            #expect(seconds[name] ?? 0 >= least, "make fuzz SECONDS=\(least) TARGETS=\(name)")
        }
    }
}
