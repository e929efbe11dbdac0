import Glibc

/// This process, as Status tells of it: so that tools on the same machine can measure it.
enum ProcessNumber {
    static let text = "\(getpid())"
}
