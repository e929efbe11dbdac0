import HerdMessages
import HerdPolicy

/// Answers `Route` for prompts whose predictions are cached, from the packed request to the packed reply, without
/// unpacking and without allocating; what it does not know it leaves to `RouterService`, whose replies its own equal bit
/// for bit.
///
/// Safe to send: `HitRouters` lends it to one thread at a time.
final class HitRouter: @unchecked Sendable {
    enum Outcome {
        case answered
        /// The log had no room for the decision.
        case answeredUnlogged
        /// Its prediction is not in the cache.
        case missed(MissedRoute)
        /// It has to be decided the long way.
        case unusual
    }

    private let current: CurrentView
    private let cache: PredictionCache
    private let decisions: DecisionLog
    private let logsPrompts: Bool

    private var view: RoutingView
    private var viewRevision: UInt64
    /// The kinds of requests that came lately; the newest last.
    private var routes: [PreparedRoute] = []
    private var shelf = PredictionShelf()
    private var checks = RandomChecks()
    private var slots: UnsafeMutableBufferPointer<PreparedRanking.Slot>
    private var replyMemory: UnsafeMutableRawBufferPointer

    private static let mostRoutes = 64

    init(view: CurrentView, cache: PredictionCache, decisions: DecisionLog, logsPrompts: Bool) {
        current = view
        self.cache = cache
        self.decisions = decisions
        self.logsPrompts = logsPrompts
        // Before the view, which may be newer then but never older.
        viewRevision = view.revision
        self.view = view.current
        slots = .allocate(capacity: 0)
        replyMemory = .allocate(byteCount: 0, alignment: 8)
    }

    deinit {
        slots.deallocate()
        replyMemory.deallocate()
    }

    /// Answers by calling `reply`, or has done nothing.
    func answer(
        _ packed: UnsafeRawBufferPointer, tenant: UnsafeRawBufferPointer, _ reply: (UnsafeRawBufferPointer) -> Void
    ) -> Outcome {
        guard let known = known(packed, tenant: tenant) else { return .unusual }
        let (outline, route, fingerprint) = known
        let record: UnsafeRawBufferPointer
        switch find(fingerprint, predictor: route.predictor) {
        case .record(let found): record = found
        case .tooLong: return .unusual
        case .nothing:
            guard let start = packed.baseAddress, let prompt = outline.prompt.baseAddress else { return .unusual }
            let offset = prompt - start
            return .missed(
                MissedRoute(
                    fingerprint: fingerprint, predictor: route.predictor, packed: [UInt8](packed),
                    tenant: [UInt8](tenant), prompt: offset..<offset + outline.prompt.count))
        }
        let outcome = answer(known, record: record, isCached: true, reply)
        if case .unusual = outcome { return outcome }
        cache.countHit()
        return outcome
    }

    /// The same with the record of a prediction that was made for it.
    func answer(
        _ missed: MissedRoute, record: [UInt8], _ reply: (UnsafeRawBufferPointer) -> Void
    ) -> Outcome {
        missed.packed.withUnsafeBytes { packed in
            missed.tenant.withUnsafeBytes { tenant in
                // The herd may have changed since, and the predictor: then it is another's prediction.
                guard let known = known(packed, tenant: tenant), known.fingerprint == missed.fingerprint else {
                    return .unusual
                }
                return record.withUnsafeBytes { answer(known, record: $0, isCached: false, reply) }
            }
        }
    }

    private typealias Known = (outline: RequestOutline, route: PreparedRoute, fingerprint: UInt128)

    /// Nil for a request that is to be decided the long way.
    private func known(_ packed: UnsafeRawBufferPointer, tenant: UnsafeRawBufferPointer) -> Known? {
        guard let outline = RequestOutline(packed) else { return nil }
        followView()
        guard view.predictor != nil, outline.isPromptText,
            let route = route(of: outline, tenant: tenant, packed: packed),
            !(route.readsFlags && outline.mayHoldFlags)
        else { return nil }
        var hash = route.fingerprint
        hash.absorb(outline.prompt)
        return (outline, route, hash.fingerprint())
    }

    private func answer(
        _ known: Known, record: UnsafeRawBufferPointer, isCached: Bool, _ reply: (UnsafeRawBufferPointer) -> Void
    ) -> Outcome {
        let (outline, route, fingerprint) = known
        guard
            let prediction = CachedPrediction.Layout(
                record, modelCount: route.predictor.models.count, rounds: route.predictor.rounds),
            let start = record.baseAddress,
            route.ranking.rank(
                promptTokens: Int(prediction.promptTokens), qualities: start + prediction.qualities.lowerBound,
                costs: prediction.costs.isEmpty ? nil : start + prediction.costs.lowerBound,
                prior: Double(prediction.prior), into: slots)
        else { return .unusual }
        let (id, isKept) = log(
            prediction, of: record, fingerprint: fingerprint, route: route,
            prompt: logsPrompts ? outline.prompt : UnsafeRawBufferPointer(start: nil, count: 0))
        reply(self.reply(id, prediction, route: route, isCached: isCached))
        return isKept ? .answered : .answeredUnlogged
    }

    private func followView() {
        let revision = current.revision
        guard revision != viewRevision else { return }
        viewRevision = revision
        view = current.current
        routes = []
    }

    private func route(
        of outline: RequestOutline, tenant: UnsafeRawBufferPointer, packed: UnsafeRawBufferPointer
    ) -> PreparedRoute? {
        for index in stride(from: routes.count - 1, through: 0, by: -1)
        where routes[index].matches(outline, tenant: tenant) {
            return routes[index]
        }
        guard let request = try? RouteRequest(packed: packed),
            let route = PreparedRoute(request, outline, tenant: tenant, view: view, cache: cache)
        else { return nil }
        if routes.count == Self.mostRoutes { routes.removeFirst(Self.mostRoutes / 2) }
        routes.append(route)
        if slots.count < route.ranking.slotCount {
            slots.deallocate()
            slots = .allocate(capacity: route.ranking.slotCount)
            slots.initialize(repeating: PreparedRanking.Slot())
        }
        if replyMemory.count < route.mostReplyBytes {
            replyMemory.deallocate()
            replyMemory = .allocate(byteCount: route.mostReplyBytes, alignment: 8)
        }
        return route
    }

    private enum Found {
        case record(UnsafeRawBufferPointer)
        case nothing
        /// There is one, which does not fit on the shelf.
        case tooLong
    }

    private func find(_ fingerprint: UInt128, predictor: FollowedPredictor) -> Found {
        if let record = shelf?.record(of: fingerprint) { return .record(record) }
        guard let stored = cache.record(of: fingerprint, predictor: predictor) else { return .nothing }
        return shelf?.add(stored, under: fingerprint).map { .record($0) } ?? .tooLong
    }

    // MARK: - Writing

    private func log(
        _ prediction: CachedPrediction.Layout, of record: UnsafeRawBufferPointer, fingerprint: UInt128,
        route: PreparedRoute, prompt: UnsafeRawBufferPointer
    ) -> (LogEntryID, isKept: Bool) {
        let (open, excluded) = (route.ranking.openCount, route.ranking.excludedCount)
        let topic = Int(prediction.topic)
        let embedding = UnsafeRawBufferPointer(rebasing: record[prediction.embedding])
        let topicBytes = route.topics.indices.contains(topic) ? route.topics[topic].name.count : 0
        var size =
            BriefDecision.headerBytes + BriefDecision.candidateBytes * (open + excluded) + topicBytes
            + embedding.count + prompt.count
        for index in 0..<open + excluded { size += BriefDecision.numberBytes(BriefDecision.marks(slots[index])) }
        let time = WallClock.milliseconds()
        return decisions.append(.brief, check: checks.next(), frame: route.frame, byteCount: size) {
            writer, id, frame in
            writer.integer(id.sequence)
            writer.integer(id.check)
            writer.integer(time)
            writer.integer(frame)
            writer.integer(prediction.promptTokens)
            writer.double(Double(prediction.topicProbability))
            writer.integer(fingerprint.byteSwapped)
            writer.integer(UInt32(truncatingIfNeeded: open))
            writer.integer(UInt32(truncatingIfNeeded: excluded))
            writer.integer(UInt32(truncatingIfNeeded: topicBytes))
            writer.integer(UInt32(truncatingIfNeeded: embedding.count))
            writer.integer(UInt32(truncatingIfNeeded: prompt.count))
            for index in 0..<open + excluded {
                let slot = slots[index]
                let marks = BriefDecision.marks(slot)
                writer.integer(UInt16(truncatingIfNeeded: slot.place))
                writer.byte(marks)
                if marks & BriefDecision.isQualityLongMark != 0 {
                    writer.double(slot.quality)
                } else {
                    writer.integer(Float(slot.quality).bitPattern)
                }
                if marks & BriefDecision.isCostLongMark != 0 {
                    writer.double(slot.costUSD)
                } else {
                    writer.integer(Float(slot.costUSD).bitPattern)
                }
            }
            if topicBytes > 0 { writer.bytes(route.topics[topic].name) }
            writer.bytes(embedding)
            writer.bytes(prompt)
        }
    }

    /// The packed reply: fields in the order of their numbers, zeros left out, as protobuf-c packs it.
    private func reply(
        _ id: LogEntryID, _ prediction: CachedPrediction.Layout, route: PreparedRoute, isCached: Bool
    ) -> UnsafeRawBufferPointer {
        guard let start = replyMemory.baseAddress else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        var writer = PackedWriter(start)
        writer.byte(1 << 3 | 2)
        writer.byte(UInt8(LogEntryID.textBytes))
        id.write(to: &writer)
        // `Candidate.model` is field 1, the reply's `model` field 2 of the same type.
        writer.byte(2 << 3 | 2)
        route.names[Int(slots[0].place)].withUnsafeBytes { name in
            writer.bytes(UnsafeRawBufferPointer(rebasing: name[1...]))
        }
        for index in 0..<route.ranking.openCount {
            let slot = slots[index]
            let place = Int(slot.place)
            let name = route.names[place]
            let latency = route.latencies[place]
            let size =
                name.count + (slot.quality != 0 ? 9 : 0) + (slot.utility != 0 ? 9 : 0) + (slot.costUSD != 0 ? 9 : 0)
                + (slot.isPrior ? 2 : 0) + (latency != 0 ? 9 : 0)
            writer.byte(3 << 3 | 2)
            writer.varint(UInt64(size))
            writer.bytes(name)
            writer.field(2, slot.quality)
            writer.field(3, slot.utility)
            writer.field(4, slot.costUSD)
            if slot.isPrior {
                writer.byte(8 << 3)
                writer.byte(1)
            }
            writer.field(9, latency)
        }
        writer.bytes(isCached ? route.fixedFields : route.fixedFieldsOfNew)
        if route.topics.indices.contains(Int(prediction.topic)) {
            writer.bytes(route.topics[Int(prediction.topic)].field)
        }
        writer.field(15, Double(prediction.topicProbability))
        if prediction.promptTokens != 0 {
            // Field 16 as a varint: the tag takes two bytes.
            writer.varint(16 << 3)
            writer.varint(UInt64(prediction.promptTokens))
        }
        return UnsafeRawBufferPointer(start: start, count: writer.count)
    }
}
