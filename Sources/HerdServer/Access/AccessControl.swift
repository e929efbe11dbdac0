package import HerdFrames
package import NIOCore
import Synchronization

/// Who is let in by a server, and what they may do there.
package protocol AccessControl: Sendable {
    /// Moves on with every change after which somebody who was let in may have to go.
    var generation: AccessGeneration { get }

    /// Finds out who a client is; a `CallError` tells it why it is not let in, any other error only that it is not.
    ///
    /// Runs on the event loop and must not block.
    func admit(_ hello: Hello) throws -> Principal

    /// Looks again at somebody who was let in, and says when to do so next, changes aside; throws why they have to go,
    /// with UNAVAILABLE where they may come again: their open calls go on for a while then.
    ///
    /// Runs on the event loop and must not block.
    func recheck(_ principal: Principal) throws(CallError) -> NIODeadline

    /// The roles of which a caller needs one.
    ///
    /// - Parameter method: its path, or the prefix under which unknown methods are passed on.
    func roles(for method: String) -> Roles

    /// How many calls somebody may make; nil for as many as they like. Asked for whenever they are looked at.
    func limiter(of principal: Principal) -> CallLimiter?
}

extension AccessControl {
    package func limiter(of principal: Principal) -> CallLimiter? { nil }
}

/// A number that tells whether anything changed, read with every request.
package final class AccessGeneration: Sendable {
    private let number = Atomic<UInt64>(0)

    package init() {}

    package var current: UInt64 { number.load(ordering: .acquiring) }

    package func moveOn() {
        number.wrappingAdd(1, ordering: .releasing)
    }
}

/// A check of HELLO alone: who is let in stays, and may do everything.
struct HelloCheckAccess: AccessControl {
    let generation = AccessGeneration()
    let check: HelloCheck

    func admit(_ hello: Hello) throws -> Principal { try check(hello) }
    func recheck(_ principal: Principal) throws(CallError) -> NIODeadline { .distantFuture }
    func roles(for method: String) -> Roles { .all }
}
