import HerdFrames
import HerdMessages
import HerdTransport
import NIOCore

extension HerdServer {
    /// Serves what is built into every server: Health, Status, Describe, Drain and Probe.
    func registerAdmin() {
        immediate(Admin.health) { [unowned self] _, _ in health(figures) }
        immediate(Admin.status) { [unowned self] _, _ in status() }
        unary(Admin.describe) { _, _ in DescribeResponse(fileDescriptorSet: FileDescriptors.packed) }
        immediate(Admin.drain) { [unowned self] request, _ in
            let timeout =
                request.timeoutMs == 0
                ? configuration.drainTimeout.timeAmount
                : .milliseconds(Int64(clamping: min(request.timeoutMs, 86_400_000)))
            // After the answer.
            eventLoopGroup.any().execute { self.beginDrain(timeout: timeout) }
            return DrainResponse()
        }
        stream(Admin.probe) { request, _, writer in
            guard request.bytes <= maximumProbeBytes else {
                throw CallError(.invalidArgument, "bytes must be at most \(maximumProbeBytes), not \(request.bytes)")
            }
            let message = ProbeMessage(payload: [UInt8](repeating: 0, count: Int(request.bytes)))
            var rest = request.count
            while rest > 0 {
                try await writer.send(message)
                rest -= 1
            }
        }
    }

    private func health(_ figures: Figures) -> HealthResponse {
        var response = HealthResponse()
        response.service = name
        response.reasons = figures.service.degradedReasons
        if figures.isDraining {
            response.state = .draining
        } else {
            response.state = figures.service.degradedReasons.isEmpty ? .serving : .degraded
        }
        return response
    }

    private func status() -> StatusResponse {
        let figures = figures
        var response = StatusResponse()
        response.service = name
        response.version = configuration.version
        response.uptimeMs = UInt64(clamping: (.now() - startTime).nanoseconds / 1_000_000)
        response.health = health(figures)
        response.connections = UInt32(clamping: figures.connections)
        response.openCalls = UInt32(clamping: figures.openCalls)
        response.methods = figures.methods.map { method in
            let counters = method.counters.snapshot
            return MethodStatistics(
                method: method.path, calls: counters.calls, failures: counters.failures,
                meanMs: counters.meanMilliseconds, maxMs: counters.longestMilliseconds)
        }
        response.figures = figures.service.figures
        response.facts = figures.service.facts
        return response
    }
}

/// The longest payload of a Probe, in bytes: with its frame it stays under 4 MiB.
private let maximumProbeBytes: UInt32 = 4_000_000
