import Foundation
import HerdServices
import Testing

@Suite struct ConfigurationKeyTests {
    @Test func `every key of the shipped file is known to a reload, and no other`() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "Config/herdd.yaml"), encoding: .utf8)
        var keys: Set<String> = []
        var sections: [(indent: Int, name: String)] = []
        for line in text.split(separator: "\n") {
            guard let match = line.prefixMatch(of: /( *)([a-z_]+):(.*)/) else { continue }
            let indent = match.1.count
            while let last = sections.last, last.indent >= indent { sections.removeLast() }
            sections.append((indent, String(match.2)))
            let value = match.3.prefix { $0 != "#" }
            if value.contains(where: { $0 != " " }) { keys.insert(sections.map(\.name).joined(separator: ".")) }
        }
        #expect(keys == Set(ConfigurationChanges.allKeys))
        #expect(ConfigurationChanges.allKeys.count == keys.count)
    }

    @Test func `changes are told by name`() {
        var after = HerdConfiguration()
        let plain = HerdConfiguration()
        let none = ConfigurationChanges(started: plain, from: plain, to: after)
        #expect(none.live.isEmpty && none.restart.isEmpty)
        after.server.drainTimeoutSeconds += 1
        after.router.data += "x"
        after.tls.certificateFile = "a"
        var changes = ConfigurationChanges(started: plain, from: plain, to: after)
        #expect(changes.live == ["server.drain_timeout"])
        #expect(changes.restart == ["router.data", "tls.certificate_file"])
        var renewed = after
        renewed.tls.certificateFile = "b"
        changes = ConfigurationChanges(started: after, from: after, to: renewed)
        #expect(changes.live == ["tls.certificate_file"] && changes.restart.isEmpty)
        // What waits for a restart goes on to be told, whatever was read in between, and is no more once it is taken back.
        changes = ConfigurationChanges(started: plain, from: after, to: renewed)
        #expect(changes.live.isEmpty && changes.restart == ["router.data", "tls.certificate_file"])
        changes = ConfigurationChanges(started: plain, from: renewed, to: plain)
        #expect(changes.live == ["server.drain_timeout"] && changes.restart.isEmpty)
    }
}
