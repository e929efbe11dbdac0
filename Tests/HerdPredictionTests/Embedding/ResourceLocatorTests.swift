import Foundation
import HerdPrediction
import Testing

@Suite("Resources are found from a checkout and from an installation")
struct ResourceLocatorTests {
    @Test("A checkout's table, from what is built in it")
    func checkout() throws {
        let executable = GoldenFiles.root.path + "/.build/release/herdd"
        let path = ResourceLocator.locate(ResourceLocator.embeddingTable, setting: nil, executable: executable)
        #expect(path == GoldenFiles.tablePath)
        // What runs these tests may lie anywhere, but what is found for it is the table.
        if let found = ResourceLocator.locate() { #expect(found.hasSuffix("/embedding/minilm-l6-v2-256.table")) }
    }

    @Test("The nearest folder above the executable")
    func ancestors() throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "herd-locate-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        for folder in ["Resources", "usr/share/herd", "usr/bin"] {
            let folder = root.appending(path: folder)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            if !folder.path.hasSuffix("bin") { try Data([1]).write(to: folder.appending(path: "file")) }
        }
        let executable = root.path + "/usr/bin/herdd"
        func locate(_ resource: String, executable: String?) -> String? {
            ResourceLocator.locate(resource, setting: nil, executable: executable)
        }
        #expect(locate("file", executable: executable) == root.path + "/usr/share/herd/file")
        #expect(locate("file", executable: root.path + "/herdd") == root.path + "/Resources/file")
        #expect(locate("no-such-file", executable: executable) == nil)
        #expect(locate("file", executable: nil) == nil)
        #expect(locate("file", executable: "") == nil)
    }

    @Test("HERD_RESOURCES goes before all, even where it is wrong")
    func setting() {
        #expect(ResourceLocator.locate("x/y", setting: "/a/b", executable: "/usr/bin/herdd") == "/a/b/x/y")
        #expect(ResourceLocator.locate("x/y", setting: "", executable: nil) == nil)
    }
}
