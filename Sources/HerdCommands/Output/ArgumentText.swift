import Glibc
import HerdReflection

/// The command line as it came, before it is text.
package enum ArgumentText {
    /// Ends the program with exit code 64 where an argument is no UTF-8: Swift's own strings would repair it, and a model
    /// or file of another name be meant.
    package static func refuseInvalid() {
        let arguments = (0..<Int(CommandLine.argc)).map { index -> [UInt8] in
            guard let start = CommandLine.unsafeArgv[index] else { return [] }
            return Array(UnsafeRawBufferPointer(start: start, count: strlen(start)))
        }
        guard let problem = problem(in: arguments) else { return }
        StandardError.print("herdctl: \(problem)")
        exit(64)
    }

    /// What is wrong with the bytes of the arguments, the program's name first; nil if nothing is.
    package static func problem(in arguments: [[UInt8]]) -> String? {
        for (index, bytes) in arguments.enumerated() where String(validating: bytes, as: UTF8.self) == nil {
            let shown = PrintableText.escaped(String(decoding: bytes.prefix(80), as: UTF8.self))
            return "argument \(index), '\(shown)', is not valid UTF-8; write it in UTF-8"
        }
        return nil
    }
}
