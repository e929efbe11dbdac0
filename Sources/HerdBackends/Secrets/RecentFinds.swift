import NIOConcurrencyHelpers

/// What files were found to hold, or why they were of no use, for a second.
///
/// Files are looked at by whoever makes a call, on an event loop, and a network file system may take its time. So each is
/// looked at once a second at most, and meanwhile all others go by what was found before. That is safe, since a key that
/// is replaced may be on its way in a call begun before anyway: a new one counts, and an old one is used, for a second.
final class RecentFinds<Value: Sendable>: Sendable {
    private struct Find {
        var result: Result<Value, SecretFiles.Refused>
        var lookedAt: MonotonicInstant
    }

    private let finds = NIOLockedValueBox<[String: Find]>([:])

    private static var lifetime: Duration { .seconds(1) }
    /// Endpoints with files of their own; more are not to be expected.
    private static var mostKept: Int { 1024 }

    func find(
        _ path: String, now: MonotonicInstant = .now, _ look: () throws(SecretFiles.Refused) -> Value
    ) throws(SecretFiles.Refused) -> Value {
        let known = finds.withLockedValue { finds -> Result<Value, SecretFiles.Refused>? in
            guard let find = finds[path], find.lookedAt.duration(to: now) >= Self.lifetime else {
                return finds[path]?.result
            }
            // One looks, and the others need not wait for it.
            finds[path]?.lookedAt = now
            return nil
        }
        if let known { return try known.get() }
        let result: Result<Value, SecretFiles.Refused>
        do throws(SecretFiles.Refused) {
            result = .success(try look())
        } catch {
            result = .failure(error)
        }
        finds.withLockedValue { [result] finds in
            if finds.count >= Self.mostKept { finds.removeAll() }
            finds[path] = Find(result: result, lookedAt: now)
        }
        return try result.get()
    }
}
