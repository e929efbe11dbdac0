import Glibc
import Synchronization

/// Says something where Ctrl-C ends the command, so that nobody takes what was done for lost.
struct InterruptionNotice {
    /// The text as a handler may use it: allocated before, never freed.
    private static let text = Atomic<UnsafeMutablePointer<CChar>?>(nil)

    private var earlier = sigaction()

    init(_ text: String) {
        Self.text.store(strdup("\n" + text), ordering: .sequentiallyConsistent)
        var own = sigaction()
        own.__sigaction_handler.sa_handler = { signal in
            if let text = InterruptionNotice.text.load(ordering: .sequentiallyConsistent) {
                write(STDERR_FILENO, text, strlen(text))
            }
            // The status by which a shell knows that its command was interrupted.
            _exit(128 + signal)
        }
        sigaction(SIGINT, &own, &earlier)
    }

    /// Ctrl-C does again what it did before.
    func stop() {
        var action = earlier
        sigaction(SIGINT, &action, nil)
    }
}
