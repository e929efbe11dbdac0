/// Why files for TLS can't be used, in a sentence that names the file and the remedy, never what is in a key.
package struct TLSFileError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }

    #if !TLS
    static let missing = TLSFileError(
        "this program was built without TLS; build it with the package trait TLS, or go without TLS")
    #endif
}
