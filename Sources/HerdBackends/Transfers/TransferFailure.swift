import CCurl

/// Puts what went wrong with a transfer into a kind and a sentence.
struct TransferFailure {
    private let request: TransferRequest

    init(_ request: TransferRequest) {
        self.request = request
    }

    private func error(_ kind: BackendError.Kind, _ message: String) -> BackendError {
        BackendError(kind, cleared(message), endpoint: request.endpoint)
    }

    private func cleared(_ text: String) -> String {
        request.key?.scrubbed(from: text) ?? text
    }

    // MARK: - libcurl

    func curl(_ code: CURLcode, _ text: String) -> BackendError {
        let reason = text.isEmpty ? String(cString: curl_easy_strerror(code)) : text
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_PROXY,
            CURLE_INTERFACE_FAILED:
            return error(
                .unreachable, "\(request.endpoint) cannot be reached: \(reason). Is its server running there?")
        case CURLE_OPERATION_TIMEDOUT:
            let limit = request.limits.connectTimeout
            return error(
                .timeout(.connect), "No connection to \(request.endpoint) within \(Self.seconds(limit)): \(reason).")
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CRL_BADFILE,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_SHUTDOWN_FAILED:
            return error(
                .tls, "\(request.endpoint) cannot be trusted: \(reason). Correct its certificate, or name its CA.")
        case CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR:
            return error(.cutOff, "\(request.endpoint) ended the connection before its answer was whole: \(reason).")
        default:
            return error(.badResponse, "What \(request.endpoint) sent is no answer: \(reason).")
        }
    }

    // MARK: - The stream

    func decoder(_ failure: ChatStreamDecoder.Failure) -> BackendError {
        switch failure {
        case .badResponse(let reason):
            return error(
                .badResponse, "\(request.endpoint) answered, but \(reason). Is it an OpenAI-compatible server?")
        case .tooLarge(let reason): return error(.tooLarge, "\(request.endpoint) answered, but \(reason).")
        case .answerTooLong(let limit):
            return error(
                .answerTooLong(limit: limit),
                "\(request.endpoint) answered with over \(limit) bytes, the most that max_answer_bytes allows. "
                    + "Ask for less, as by max_tokens, or raise it.")
        case .server(let code, let message):
            let said = excerpt(Array(message.utf8))
            let sentence = "\(request.endpoint) gave up inside its answer\(said)."
            guard let code, (500..<600).contains(code) || [408, 409, 425, 429].contains(code) else {
                return error(.badResponse, sentence)
            }
            return error(.status(code: code, retryAfterSeconds: nil), sentence)
        case .cutOff:
            return error(.cutOff, "\(request.endpoint) ended its answer in the middle. Did its server die?")
        }
    }

    func timeout(_ phase: BackendError.Phase, since started: MonotonicInstant, now: MonotonicInstant) -> BackendError {
        let limits = request.limits
        let message =
            switch phase {
            case .connect: "No connection to \(request.endpoint) within \(Self.seconds(limits.connectTimeout))."
            case .firstToken where started.duration(to: now) < limits.firstTokenTimeout:
                "\(request.endpoint) sent no token in its share of the call's time, "
                    + "\(Self.seconds(started.duration(to: now))). Is it overloaded?"
            case .firstToken:
                "\(request.endpoint) sent no token within \(Self.seconds(limits.firstTokenTimeout)). Is it overloaded?"
            case .betweenTokens:
                "\(request.endpoint) sent no more tokens for \(Self.seconds(limits.betweenTokensTimeout))."
            case .total: "The call's deadline passed while \(request.endpoint) was answering."
            }
        return error(.timeout(phase), message)
    }

    // MARK: - The status

    func status(_ status: Int, retryAfter: Int64, redirect: String?, excerpt body: [UInt8]) -> BackendError {
        let said = excerpt(body)
        switch status {
        case 300..<400:
            let host = redirect ?? "another place"
            return error(
                .redirected(host: redirect ?? ""),
                "\(request.endpoint) redirects to \(host), which is not followed. Register the place itself.")
        case 408, 409, 425, 429, 500...:
            let pause = retryAfter > 0 ? Double(retryAfter) : nil
            let later = pause.map { ", and asks for a pause of \(Int($0)) s" } ?? ""
            return error(
                .status(code: status, retryAfterSeconds: pause),
                "\(request.endpoint) answered with status \(status)\(later)\(said).")
        case 400..<500:
            let remedy =
                switch status {
                case 401, 403: " Is its key right?"
                case 404: " Are its base URL and the name of its model right?"
                default: ""
                }
            return error(
                .badRequest(status: status),
                "\(request.endpoint) refuses the request with status \(status)\(said).\(remedy)")
        default: return error(.badResponse, "\(request.endpoint) answered with status \(status)\(said).")
        }
    }

    /// Bytes of a server's words that go into a message.
    private static let longestExcerpt = 300

    /// What a server said, printable, on one line and without the key: `: "..."`, or nothing.
    private func excerpt(_ body: [UInt8]) -> String {
        var said = String(decoding: body, as: UTF8.self)
        if let error = (try? ChatChunk(reading: body))?.error, !error.message.isEmpty { said = error.text }
        // Cleared before it is cut, so that no half of a key is left at the end.
        let text = cleared(said)
        var line = ""
        var isSpace = true
        for scalar in text.unicodeScalars {
            let isHidden = scalar.properties.isWhitespace || scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
            if isHidden || scalar.properties.generalCategory == .format {
                if !isSpace { line.unicodeScalars.append(" ") }
                isSpace = true
            } else {
                line.unicodeScalars.append(scalar)
                isSpace = false
            }
            if line.utf8.count >= Self.longestExcerpt { break }
        }
        return line.isEmpty ? "" : ": \"\(line)\""
    }

    private static func seconds(_ duration: Duration) -> String {
        let text = "\((duration.inSeconds * 1000).rounded() / 1000)"
        return (text.hasSuffix(".0") ? String(text.dropLast(2)) : text) + " s"
    }
}
