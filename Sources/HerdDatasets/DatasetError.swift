/// Why a file of evaluations or of models can't be used as a whole.
package struct DatasetError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// There is no such file, or it may not be read.
        case missing
        /// The file can't be read to its end: damaged gzip, an I/O error, a folder.
        case unreadable
        /// The file was read and its content is wrong.
        case invalid
    }

    package var code: Code
    package var path: String
    /// What is wrong and what to do, for a person.
    package var message: String

    package init(_ code: Code, path: String, message: String) {
        self.code = code
        self.path = path
        self.message = message
    }

    package var description: String { "\(path): \(message)" }
}
