import Glibc
import HerdJSON

/// The prompts of workloads that ask some.
package enum Prompts {
    /// Of a file of prompts.
    private static let longestFile = 256 << 20

    /// A handful for those who bring none.
    package static let builtIn = [
        "What is the derivative of x^2?",
        "Write a haiku about a flock of sheep in the rain.",
        "Translate to French: the shepherd counts his herd every evening.",
        "Write a Swift function that merges two sorted arrays.",
        "A train leaves at 9:40 and arrives at 13:05. How long does the journey take?",
        "Summarise in one sentence: protein folding is the process by which a chain of amino acids finds its shape.",
        "Which planet has the most moons, and who discovered the first of them?",
        "add 3 4",
    ]

    /// The lines of a text file, or the `prompt` of each line that is a JSON object. Empty lines are passed over.
    package static func read(_ path: String) throws(LoadFailure) -> [String] {
        let bytes = try contents(of: path)
        var prompts: [String] = []
        var number = 0
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            guard let text = String(validating: line, as: UTF8.self) else {
                throw LoadFailure("\(path), line \(number) is not valid UTF-8", exitCode: 65)
            }
            guard text.contains(where: { !$0.isWhitespace }) else { continue }
            prompts.append(line.first == UInt8(ascii: "{") ? try prompt(Array(line), path, number) : text)
        }
        guard !prompts.isEmpty else { throw LoadFailure("\(path) holds no prompt", exitCode: 65) }
        return prompts
    }

    private static func prompt(_ line: [UInt8], _ path: String, _ number: Int) throws(LoadFailure) -> String {
        do throws(JSONCursor.Failure) {
            guard case .object(let members) = try JSONNode(reading: line, name: "the line"),
                case .string(let prompt)? = members.first(where: { $0.key == "prompt" })?.value
            else { throw JSONCursor.Failure("a string \"prompt\" is missing") }
            return prompt
        } catch {
            throw LoadFailure("\(path), line \(number): \(error.reason)", exitCode: 65)
        }
    }

    /// All bytes of a file.
    package static func contents(of path: String) throws(LoadFailure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(path) }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= longestFile else {
                throw LoadFailure("\(path) is over \(longestFile >> 20) MiB long", exitCode: 65)
            }
        }
    }

    private static func unreadable(_ path: String) -> LoadFailure {
        let code = errno
        return LoadFailure(
            "\(path) can't be read: \(String(cString: strerror(code)))", exitCode: code == ENOENT ? 66 : 74)
    }
}
