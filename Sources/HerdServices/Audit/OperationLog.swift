import HerdFrames
import HerdServer
import Logging

/// Has the log of a service behind the router name every call that changes something: the router's audit log has those
/// that the router passed on, not what else the owner of a service credential does.
struct OperationLog: AuditRecorder {
    let logger: Logger

    func records(_ method: String) -> Bool { AuditedMethods.contain(method) }

    func record(
        _ method: String, payload: [UInt8], _ context: CallContext, _ run: () async -> StatusCode
    ) async throws(CallError) -> StatusCode {
        // Before it is begun, too: the process may not live to its end.
        logger.notice("operates", metadata: AuditRecord(method, payload: payload, context).metadata)
        let code = await run()
        note(method, payload: payload, context, code)
        return code
    }

    func note(_ method: String, payload: [UInt8], _ context: CallContext, _ code: StatusCode) {
        var record = AuditRecord(method, payload: payload, context)
        record.code = code.rawValue
        logger.notice("operated", metadata: record.metadata)
    }
}
