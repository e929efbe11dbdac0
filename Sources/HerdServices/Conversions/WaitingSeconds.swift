import HerdMessages

extension GenerationFinish {
    /// Of `seconds`, those before the attempt that gave the answer: waiting for its turn, and attempts that failed; 0 where
    /// nothing tells.
    var secondsWaited: Double {
        guard let attempt = attempts.last?.seconds, attempt > 0 else { return 0 }
        return max(0, seconds - attempt)
    }
}
