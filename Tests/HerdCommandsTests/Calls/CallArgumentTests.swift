import HerdCommands
import Testing

@Suite("Arguments of herdctl call")
struct CallArgumentTests {
    @Test("metadata is a key and a value")
    func metadata() throws {
        #expect(try CallMetadata.parse(["a=1", "b=x=y", "c="]) == ["a": "1", "b": "x=y", "c": ""])
        for wrong in [["a"], ["=1"], [""], ["a=1", "a=2"]] {
            #expect(throws: CommandFailure.self, "\(wrong)") { try CallMetadata.parse(wrong) }
        }
    }

    @Test("a request is taken from the argument or a file")
    func request() throws {
        #expect(try RequestInput.read(nil) == Array("{}".utf8))
        #expect(try RequestInput.read("[1]") == Array("[1]".utf8))
        #expect(try RequestInput.read("@" + #filePath).isEmpty == false)
        for (path, code) in [("@/nonexistent", 66 as Int32), ("@/", 74), ("@", 66)] {
            do {
                _ = try RequestInput.read(path)
                Issue.record("\(path) was read")
            } catch {
                #expect(error.exitCode == code, "\(error.message)")
            }
        }
    }
}
