import Foundation
import HerdServices
import Testing

/// Prompt files are checked before anything is served.
struct PromptTests {
    private static let places = ["prompt", "answer"]

    @Test("places are filled in one pass, what values hold is left as it is")
    func fills() throws {
        let template = try PromptTemplate(
            "{{prompt}}: {{answer}} {{prompt}}, {x} }}\n", from: "file", places: Self.places)
        #expect(template.text(["prompt": "{{answer}}", "answer": "A"]) == "{{answer}}: A {{answer}}, {x} }}")
        #expect(template.wording == ":  , {x} }}")
    }

    @Test(
        "a wrong file is refused in a sentence that names it and the remedy",
        arguments: [
            ("{{prompt}}", "lacks the place '{{answer}}'"), ("{{prompt}} {{answer}} {{other}}", "'{{other}}'"),
            ("{{prompt}} {{answer", "without '}}'"), ("", "lacks the place '{{prompt}}'"),
        ])
    func wrong(text: String, problem: String) {
        let error = #expect(throws: ConfigurationError.self) {
            _ = try PromptTemplate(text, from: "a/critique.txt", places: Self.places)
        }
        #expect(error?.description.contains("'a/critique.txt'") == true)
        #expect(error?.description.contains(problem) == true, "\(error?.description ?? "")")
    }

    @Test("missing files, other encodings and critiques that can't be empty are refused")
    func files() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-prompts-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func problem() -> String {
            do {
                _ = try RefinementPrompts(folder: folder.path)
                return ""
            } catch {
                return error.description
            }
        }
        func write(_ name: String, _ bytes: Data) throws { try bytes.write(to: folder.appending(path: name)) }
        #expect(problem().contains("critique.txt' can't be read"))
        try write("critique.txt", Data("{{prompt}} {{answer}}".utf8))
        #expect(problem().contains("rewrite.txt' can't be read"))
        try write("rewrite.txt", Data("{{prompt}} {{answer}} {{critique}}".utf8))
        #expect(problem().contains("does not ask for the words NO ISSUES"))
        try write("critique.txt", Data("{{prompt}} {{answer}} NO ISSUES".utf8))
        #expect(problem() == "")
        try write("rewrite.txt", Data([0xFF, 0xFE]))
        #expect(problem().contains("UTF-8"))
        try write("rewrite.txt", Data(count: 100_000))
        #expect(problem().contains("is over 65536 bytes"))
    }

    @Test("the files of the repository are sound")
    func own() throws {
        _ = try RefinementPrompts(folder: try PromptFolder.locate(""))
    }
}
