import HerdFrames
import HerdMessages
import HerdTransport
import Logging
import NIOCore

/// Who may call, and what they are told where they may not.
extension HerdServer {
    func authorize(_ hello: Hello) throws(CallError) -> Principal {
        guard let access else { return Principal() }
        do {
            return try access.admit(hello)
        } catch let error as CallError where error.code != .ok {
            throw error
        } catch {
            logger.error("the check of a HELLO failed", metadata: ["error": "\(error)"])
            throw .unauthenticated("the server could not check who this is; its log says why")
        }
    }

    /// When to look at somebody again who is let in; throws why they have to go.
    func recheck(_ principal: Principal) throws(CallError) -> NIODeadline {
        guard let access else { return .distantFuture }
        return try access.recheck(principal)
    }

    /// How many calls somebody may make; nil for as many as they like.
    func limiter(of principal: Principal) -> CallLimiter? {
        access?.limiter(of: principal)
    }

    /// Moves on when somebody who was let in may have to go. Asked for after `authorize`.
    var accessGeneration: AccessGeneration {
        access?.generation ?? unchanging
    }

    func denied(_ path: String, to principal: Principal) -> CallError {
        let roles = access?.roles(for: path) ?? .all
        let (needed, held) = (roles.names, principal.roles.names)
        return CallError(
            .permissionDenied,
            "\(path) is for the role \(needed.joined(separator: " or ")); this credential has "
                + (held.isEmpty ? "none" : held.joined(separator: ", ")))
    }

    func unknownMethod(_ path: String) -> CallError {
        let isKnown = MethodDescription.all.contains { $0.path == path }
        return CallError(
            .unimplemented,
            isKnown
                ? "the \(name) does not serve \(path)"
                : "there is no method \(path.shortened(toBytes: 200)); Admin/Describe lists what there is")
    }
}
