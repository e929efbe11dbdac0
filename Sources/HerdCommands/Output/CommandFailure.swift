package import ArgumentParser
import HerdFrames
import HerdReflection

/// A failure with the exit code that scripts act on (sysexits.h).
package struct CommandFailure: Error {
    package let message: String
    package let exitCode: Int32

    /// The codes, for `--help`.
    package static let exitCodes = """
        EXIT CODES
          0 done; 64 wrong usage or argument; 65 bad data; 66 no such file or name; 69 service unavailable;
          70 internal error; 74 input or output error; 75 try again (deadline, limit, conflict); 77 not permitted;
          78 the herd's state does not allow it (no predictor, no model left)
        """

    package init(_ message: String, exitCode: Int32) {
        self.message = message
        self.exitCode = exitCode
    }

    init(_ error: CallError) {
        message = "\(error.code): \(error.message)"
        exitCode =
            switch error.code {
            case .invalidArgument, .outOfRange, .unimplemented: 64
            case .alreadyExists, .dataLoss: 65
            case .notFound: 66
            case .unavailable: 69
            case .deadlineExceeded, .resourceExhausted, .aborted, .cancelled: 75
            case .permissionDenied, .unauthenticated: 77
            case .failedPrecondition: 78
            default: 70
            }
    }

    /// Prints the message on standard error and gives what a command throws to end with the code.
    package func report() -> ExitCode {
        StandardError.print("herdctl: \(PrintableText.escaped(message, keepsLines: true))")
        return ExitCode(exitCode)
    }
}
