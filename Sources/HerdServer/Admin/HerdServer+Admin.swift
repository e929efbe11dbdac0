import HerdFrames
import HerdMessages
import HerdTransport
import NIOConcurrencyHelpers
import NIOCore

extension HerdServer {
    /// Serves what is built into every server: Health, Status, Describe, Drain and Probe.
    func registerAdmin() {
        // Which is asked for all the time and seldom another one.
        let last = NIOLockedValueBox((health: HealthResponse(), packed: HealthResponse().pack()))
        let packedHealth: ServedMethod.StandingAnswer = { [unowned self] in
            let health = health()
            return last.withLockedValue { last in
                if last.health != health { last = (health, health.pack()) }
                return last.packed
            }
        }
        immediate(Admin.health, standing: packedHealth) { [unowned self] _, _ in health() }
        immediate(Admin.status) { [unowned self] _, _ in status() }
        unary(Admin.describe) { _, _ in DescribeResponse(fileDescriptorSet: FileDescriptors.packed) }
        unary(Admin.drain) { [unowned self] request, _ in
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
            var rest = request.count
            while rest > 0 {
                try await writer.call.waitForCredit()
                try writer.call.sendProbe(payloadCount: Int(request.bytes))
                rest -= 1
            }
        }
    }

    private func health() -> HealthResponse {
        health(report)
    }

    private func health(_ report: (service: ServiceStatus, isDraining: Bool)) -> HealthResponse {
        let working: HealthResponse.State = report.service.degradedReasons.isEmpty ? .serving : .degraded
        let state = report.isDraining ? .draining : working
        return HealthResponse(state: state, service: name, reasons: report.service.degradedReasons)
    }

    private func status() -> StatusResponse {
        let report = report
        return StatusResponse(
            service: name, version: configuration.version,
            uptimeMs: UInt64(clamping: (.now() - startTime).nanoseconds / 1_000_000), health: health(report),
            connections: UInt32(clamping: connectionCount), openCalls: UInt32(clamping: runningCallCount),
            methods: servedMethods.map { method in
                let counters = method.counters.snapshot
                return MethodStatistics(
                    method: method.path, calls: counters.calls, failures: counters.failures,
                    meanMs: counters.meanMilliseconds, maxMs: counters.longestMilliseconds,
                    p50Ms: counters.durations.quantile(0.5) / 1e6, p99Ms: counters.durations.quantile(0.99) / 1e6,
                    errors: Dictionary(
                        counters.codes.filter { $0.code != .ok }.map { ($0.code?.description ?? "OTHER", $0.calls) },
                        uniquingKeysWith: +))
            }, figures: connectionFigures.merging(report.service.figures) { $1 }, facts: report.service.facts)
    }
}

/// The longest payload of a Probe, in bytes: with its frame it stays under 4 MiB.
private let maximumProbeBytes: UInt32 = 4_000_000

extension ServerCall {
    /// Sends a ProbeMessage of so many zeros, written where it is sent from: a probe measures the connection and holds no
    /// message of its own.
    fileprivate func sendProbe(payloadCount: Int) throws(CallError) {
        var header: [UInt8] = []
        if payloadCount > 0 {
            // Field 1, length-delimited, and the length as a varint.
            header = [0x0a]
            var length = payloadCount
            while length >= 0x80 {
                header.append(UInt8(truncatingIfNeeded: length) | 0x80)
                length >>= 7
            }
            header.append(UInt8(length))
        }
        try send(payloadCount: header.count + payloadCount) { target in
            target.copyBytes(from: header)
            UnsafeMutableRawBufferPointer(rebasing: target[header.count...])
                .initializeMemory(as: UInt8.self, repeating: 0)
        }
    }
}
