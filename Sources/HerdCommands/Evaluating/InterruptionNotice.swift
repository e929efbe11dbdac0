import Glibc
import Synchronization

/// Says something where Ctrl-C ends the command, so that nobody takes what was done for lost.
struct InterruptionNotice {
    /// Where the text stands, as a handler may use it: allocated before, never freed; 0 = nowhere.
    private static let text = Atomic<UInt>(0)

    private var earlier = sigaction()

    init(_ text: String) {
        Self.text.store(UInt(bitPattern: strdup("\n" + text)), ordering: .sequentiallyConsistent)
        var own = sigaction()
        own.__sigaction_handler.sa_handler = { signal in
            let place = InterruptionNotice.text.load(ordering: .sequentiallyConsistent)
            if let text = UnsafePointer<CChar>(bitPattern: place) {
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
