/// Why there is nothing to report, with the exit code that scripts act on (sysexits.h).
package struct LoadFailure: Error {
    package let message: String
    package let exitCode: Int32

    package init(_ message: String, exitCode: Int32) {
        self.message = message
        self.exitCode = exitCode
    }
}
