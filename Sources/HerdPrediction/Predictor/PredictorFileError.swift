/// Why bytes are not a predictor file that can be used.
package struct PredictorFileError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// Not a predictor file at all.
        case notAPredictor
        /// Written by a newer version of the software.
        case unknownFormat
        /// Cut short, or changed since it was written.
        case damaged
        /// The checksum is right, the content makes no sense.
        case invalid
    }

    package var code: Code
    /// What is wrong, for a person.
    package var message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
