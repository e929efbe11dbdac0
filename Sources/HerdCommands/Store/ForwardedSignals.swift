import Glibc
import Synchronization

/// What ends this process while a child works for it, as a terminal or a supervisor sends it: it goes to the child, whose
/// end is then reported, so that no work goes on without the command it was for.
struct ForwardedSignals {
    private static let signals = [SIGTERM, SIGINT, SIGHUP, SIGQUIT]
    /// The child; 0 for none.
    private static let child = Atomic<pid_t>(0)
    /// A signal that came before there was a child; 0 for none.
    private static let pending = Atomic<Int32>(0)

    private var earlier: [(signal: Int32, action: sigaction)] = []

    /// Takes the signals from now on, but those that whoever started this process wants ignored, as nohup does.
    init() {
        // Handlers must not be the first to touch these.
        Self.child.store(0, ordering: .sequentiallyConsistent)
        Self.pending.store(0, ordering: .sequentiallyConsistent)
        for signal in Self.signals {
            var action = sigaction()
            sigaction(signal, nil, &action)
            // SIG_IGN is the number 1 in the place of a function.
            if unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1 { continue }
            earlier.append((signal, action))
            var own = sigaction()
            own.__sigaction_handler.sa_handler = { signal in
                let reason = errno
                let child = ForwardedSignals.child.load(ordering: .sequentiallyConsistent)
                if child > 0 {
                    kill(child, signal)
                } else {
                    ForwardedSignals.pending.store(signal, ordering: .sequentiallyConsistent)
                }
                errno = reason
            }
            sigaction(signal, &own, nil)
        }
    }

    func forward(to child: pid_t) {
        Self.child.store(child, ordering: .sequentiallyConsistent)
        let pending = Self.pending.exchange(0, ordering: .sequentiallyConsistent)
        if pending != 0 { kill(child, pending) }
    }

    /// The signals do again what they did before.
    func stop() {
        Self.child.store(0, ordering: .sequentiallyConsistent)
        for (signal, action) in earlier {
            var action = action
            sigaction(signal, &action, nil)
        }
    }
}
