import CCurl

/// One transfer on the thread that performs it: libcurl's handle with what belongs to it, and how far the answer is.
///
/// Owned by `TransferLoop`, used on its thread only; freed after the handle has left the multi handle.
final class ActiveTransfer {
    private enum Phase {
        /// Nothing the caller could use has come.
        case waiting
        case streaming
        /// The caller has the whole answer; the rest of the connection is read so that it can be used again.
        case draining
        case over
    }

    let id: TransferID
    private(set) var request: TransferRequest
    /// Nil for a check.
    let use: ConnectionHabits.Use?
    let easy: UnsafeMutableRawPointer
    private let mailbox: TransferMailbox
    private var headers: UnsafeMutablePointer<curl_slist>?
    private let errorText: UnsafeMutablePointer<CChar>

    private var phase = Phase.waiting
    private var decoder: ChatStreamDecoder
    private var status = 0
    /// Whether the body has begun with something that tells what it is.
    private var hasForm = false
    private var headerBytes = 0
    /// The beginning of an answer that is no success.
    private var excerpt: [UInt8] = []
    private var ignoredBytes = 0
    private var failure: ChatStreamDecoder.Failure?

    private var events: [ChatEvent] = []
    private var cost = 0
    private var isPaused = false
    private var wasPaused = false

    private let started = MonotonicInstant.now
    /// When the caller is given more; before, only the end.
    private(set) var publishDue = MonotonicInstant(nanoseconds: 0)
    /// The loop knows that something waits for `publishDue`.
    var isHeld = false
    private var firstToken: MonotonicInstant?
    private var lastToken: MonotonicInstant?
    /// When the phase that it is in has taken too long.
    private var phaseDue: MonotonicInstant
    /// Since the loop was told.
    private var hasNewTimes = false
    private let touched: TouchedTransfers
    private var isTouched = false

    /// Kept of an answer that tells of an error.
    private static let excerptBytes = 4096
    /// Read of one, in the hope to use the connection again.
    private static let mostIgnoredBytes = 64 << 10

    init?(
        _ id: TransferID, _ request: TransferRequest, _ use: ConnectionHabits.Use?, _ mailbox: TransferMailbox,
        _ touched: TouchedTransfers, _ closer: SocketCloser
    ) {
        guard let easy = curl_easy_init() else { return nil }
        self.id = id
        self.request = request
        self.use = use
        self.easy = easy
        self.mailbox = mailbox
        self.touched = touched
        decoder = ChatStreamDecoder(limits: request.limits)
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        phaseDue = min(started.advanced(by: request.limits.firstTokenTimeout), request.firstTokenBy)
        guard configure(closer) else { return nil }
        // libcurl has its own copy.
        self.request.body = nil
    }

    deinit {
        curl_easy_cleanup(easy)
        curl_slist_free_all(headers)
        errorText.deallocate()
    }

    // MARK: - Setting up

    private func configure(_ closer: SocketCloser) -> Bool {
        let me = Unmanaged.passUnretained(self).toOpaque()
        var codes = [
            herd_curl_set_rules(easy),
            herd_curl_set_url(easy, request.url),
            herd_curl_set_user_agent(easy, request.userAgent),
            herd_curl_set_proxy(easy, request.proxy),
            herd_curl_set_connect_timeout_ms(easy, max(1, Int(request.limits.connectTimeout.inSeconds * 1000))),
            herd_curl_set_error_buffer(easy, errorText),
            herd_curl_set_ca_cache_seconds(easy, 300),
            herd_curl_set_write(
                easy,
                { bytes, size, count, me in
                    guard let me else { return 0 }
                    let transfer = Unmanaged<ActiveTransfer>.fromOpaque(me).takeUnretainedValue()
                    return transfer.receive(UnsafeRawBufferPointer(start: bytes, count: size * count))
                }, me),
            herd_curl_set_header(
                easy,
                { bytes, size, count, me in
                    guard let me else { return 0 }
                    let transfer = Unmanaged<ActiveTransfer>.fromOpaque(me).takeUnretainedValue()
                    return transfer.receiveHeader(size * count)
                }, me),
        ]
        codes.append(
            herd_curl_set_close(
                easy,
                { closer, socket in
                    guard let closer else { return 1 }
                    Unmanaged<SocketCloser>.fromOpaque(closer).takeUnretainedValue().take(socket)
                    return 0
                }, Unmanaged.passUnretained(closer).toOpaque()))
        if let use, !use.keeps { codes.append(herd_curl_set_forbid_reuse(easy)) }
        if let caFile = request.caFile { codes.append(herd_curl_set_ca_file(easy, caFile)) }
        // Without the empty Expect, libcurl would wait a second for a 100 before it sends a large body.
        var lines = ["Accept: text/event-stream, application/json", "Expect:"]
        if let body = request.body {
            lines.append("Content-Type: application/json")
            codes.append(body.withUnsafeBytes { herd_curl_set_body(easy, $0.baseAddress, $0.count) })
        }
        if let key = request.key { lines.append("Authorization: Bearer \(key.value)") }
        if let trace = request.trace {
            lines.append("traceparent: \(trace.parent)")
            if let state = trace.state { lines.append("tracestate: \(state)") }
        }
        for line in lines {
            guard let longer = curl_slist_append(headers, line) else { return false }
            headers = longer
        }
        codes.append(herd_curl_set_headers(easy, headers))
        return codes.allSatisfy { $0 == CURLE_OK }
    }

    // MARK: - What libcurl brings

    private func receiveHeader(_ count: Int) -> Int {
        headerBytes += count
        guard headerBytes <= request.limits.maximumHeaderBytes else {
            failure = .tooLarge("its header is over \(request.limits.maximumHeaderBytes) bytes long")
            return 0
        }
        return count
    }

    /// - Returns: how much was taken; anything but all ends the transfer, but for the value that pauses it.
    private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
        switch phase {
        case .draining, .over: return bytes.count
        case .waiting, .streaming: break
        }
        if decoder.isDone { return bytes.count }
        if status == 0 { status = herd_curl_status(easy) }
        if !hasForm, let first = bytes.first(where: { !Self.isBlank($0) }) { readForm(first) }
        guard case .chat = request.purpose, (200..<300).contains(status) else { return keepExcerpt(bytes) }
        touch()
        guard cost + mailbox.backlog < request.limits.maximumBacklogBytes else {
            isPaused = true
            wasPaused = true
            return herd_curl_pause_value()
        }
        let before = events.count
        do throws(ChatStreamDecoder.Failure) {
            try decoder.feed(bytes, into: &events)
        } catch {
            failure = error
        }
        noteEvents(from: before)
        if decoder.isDone, failure == nil {
            // At once, because libcurl may be about to close the connection, which the caller need not wait for.
            succeed()
            phase = .draining
            phaseDue = MonotonicInstant.now.advanced(by: request.limits.drainTimeout)
            hasNewTimes = true
        }
        return failure == nil ? bytes.count : 0
    }

    /// Also what a byte order mark is made of.
    private static func isBlank(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF: true
        default: false
        }
    }

    /// - Parameter first: The first byte of the body that is not blank.
    private func readForm(_ first: UInt8) {
        hasForm = true
        // Streams that call themselves JSON exist.
        guard first == UInt8(ascii: "{"), let type = herd_curl_content_type(easy) else { return }
        if String(cString: type).lowercased().hasPrefix("application/json") { decoder.expect(.wholeAnswer) }
    }

    private func keepExcerpt(_ bytes: UnsafeRawBufferPointer) -> Int {
        excerpt.append(contentsOf: bytes.prefix(Self.excerptBytes - excerpt.count))
        ignoredBytes += bytes.count
        return ignoredBytes <= Self.mostIgnoredBytes ? bytes.count : 0
    }

    private func noteEvents(from before: Int) {
        guard events.count > before else { return }
        for event in events[before...] { cost += event.cost }
        let now = MonotonicInstant.now
        if firstToken == nil { firstToken = now }
        if decoder.completionBytes > 0 { lastToken = now }
        phase = .streaming
        // Once the model is done, only its usage is to come.
        let patience =
            decoder.finishReason == nil ? request.limits.betweenTokensTimeout : request.limits.drainTimeout
        phaseDue = now.advanced(by: patience)
    }

    /// Has the loop look at it.
    private func touch() {
        guard !isTouched else { return }
        isTouched = true
        touched.append(self)
    }

    // MARK: - What the loop asks for

    /// Has what came wait for what comes next, if the last hand-over was a moment ago.
    ///
    /// Tokens that come faster than anybody can read them go in bundles: each hand-over has its price, in the caller's
    /// task, frame and packet, which the others on the machine pay too, the model's server first.
    ///
    /// - Returns: whether it begins to wait now; the loop publishes it when `publishDue` has come.
    func holdBack(now: MonotonicInstant) -> Bool {
        guard !isHeld, !isPaused, !events.isEmpty, now < publishDue else { return false }
        isHeld = true
        return true
    }

    /// Hands over what came since the last time; for one that has been touched, or was held back until now.
    ///
    /// - Returns: whether its times have changed.
    func publish(now: MonotonicInstant) -> Bool {
        isTouched = false
        guard !events.isEmpty || isPaused else {
            defer { hasNewTimes = false }
            return hasNewTimes
        }
        if isHeld, !isPaused, now < publishDue { return true }
        publishDue = now.advanced(by: request.limits.bundlingTime)
        let staysPaused = mailbox.publish(
            takeEvents(), cost: takeCost(), isPaused: isPaused, completionBytes: decoder.completionBytes)
        if isPaused, !staysPaused { resume() }
        return true
    }

    private func takeEvents() -> [ChatEvent] {
        touched.hasHandedOver = true
        defer { events = [] }
        return events
    }

    private func takeCost() -> Int {
        defer { cost = 0 }
        return cost
    }

    /// The caller has fetched what there was.
    func resume() {
        guard isPaused else { return }
        isPaused = false
        phaseDue = MonotonicInstant.now.advanced(by: request.limits.betweenTokensTimeout)
        let code = herd_curl_resume(easy)
        guard code != CURLE_OK else { return }
        if failure == nil { failure = .cutOff }
        touch()
    }

    /// Of an answer that was whole, once libcurl says that its body is, too: whether it had to make a connection.
    var madeConnection: Bool? { phase == .draining ? herd_curl_new_connections(easy) > 0 : nil }

    /// Whether the server may still be at work for it.
    var isUnanswered: Bool { phase != .draining && !decoder.isDone }

    /// Whether it has to be ended although libcurl has not said so: what fails while it is resumed goes unsaid.
    var hasFailed: Bool { failure != nil && phase != .over && phase != .draining }

    /// When `timeOut` has to be asked next. While the caller keeps the server waiting, only the deadline counts.
    var nextDue: MonotonicInstant {
        switch phase {
        case .draining: phaseDue
        case .over: .distantFuture
        case .waiting, .streaming: isPaused ? request.deadline : min(phaseDue, request.deadline)
        }
    }

    /// - Returns: whether the transfer is over by it.
    func timeOut(now: MonotonicInstant) -> Bool {
        guard nextDue <= now else { return false }
        switch phase {
        case .draining, .over: return true
        case .waiting, .streaming: break
        }
        if decoder.finishReason != nil {
            // Complete but for its usage.
            succeed()
            return true
        }
        let phase: BackendError.Phase =
            request.deadline <= now ? .total : self.phase == .waiting ? .firstToken : .betweenTokens
        fail(TransferFailure(self.request).timeout(phase, since: started, now: now))
        return true
    }

    /// libcurl says that it is over.
    func end(_ code: CURLcode) {
        guard phase != .draining, phase != .over else { return }
        if status == 0 { status = herd_curl_status(easy) }
        let words = TransferFailure(request)
        if case .probe = request.purpose {
            guard status != 0 else { return fail(words.curl(code, text)) }
            return succeed()
        }
        if let failure { return fail(words.decoder(failure)) }
        guard status != 0 else { return fail(words.curl(code, text)) }
        guard (200..<300).contains(status) else {
            return fail(
                words.status(
                    status, retryAfter: herd_curl_retry_after(easy), redirect: redirectHost(), excerpt: excerpt))
        }
        let before = events.count
        do throws(ChatStreamDecoder.Failure) {
            try decoder.finish(into: &events)
            noteEvents(from: before)
            succeed()
        } catch {
            noteEvents(from: before)
            // That libcurl is discontent explains more than that the stream is not whole.
            fail(code == CURLE_OK ? words.decoder(error) : words.curl(code, text))
        }
    }

    private var text: String { String(cString: errorText) }

    private func redirectHost() -> String? {
        guard let url = herd_curl_redirect_url(easy) else { return nil }
        var host = [CChar](repeating: 0, count: 256)
        guard herd_curl_host(url, &host, host.count) != 0 else { return nil }
        return host.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } }
    }

    private func succeed() {
        var report = TransferReport(
            status: status, started: started, firstToken: firstToken, lastToken: lastToken, ended: .now,
            wasPaused: wasPaused)
        if case .chat(let promptBytes) = request.purpose {
            report.finishReason = decoder.finishReason ?? .unstated
            report.usage = decoder.finalUsage(promptBytes: promptBytes)
            events.append(.usage(report.usage))
        }
        phase = .over
        mailbox.publish(
            takeEvents(), cost: takeCost(), completionBytes: decoder.completionBytes, end: .succeeded(report))
    }

    /// What came before the failure is still delivered.
    func fail(_ error: BackendError) {
        guard phase != .over, phase != .draining else { return }
        phase = .over
        var error = error
        error.hadOutput = decoder.hasOutput
        mailbox.publish(
            takeEvents(), cost: takeCost(), completionBytes: decoder.completionBytes, end: .failed(error))
    }
}
