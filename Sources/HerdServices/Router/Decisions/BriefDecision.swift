import HerdMessages
import HerdPolicy

/// What a decision says that others of its frame do not: 11 bytes per candidate where its own record takes 90.
///
/// sequence (8), check (4), time (8), frame (4), prompt tokens (4), probability of the topic (8), fingerprint (16); the
/// numbers of candidates and of excluded models (4, 4); the lengths of topic, embedding and prompt (4 each); the
/// candidates by rank and the excluded in their order: place in the frame (2), marks (1), quality and cost (4 each, or 8 as
/// the marks say, where a float does not hold them); then topic, embedding and prompt.
struct BriefDecision {
    static let headerBytes = 72
    /// Without quality and cost.
    static let candidateBytes = 3
    /// The most models a frame may have.
    static let mostPlaces = 1 << 16

    static let isPriorMark: UInt8 = 1
    static let isCostAssumedMark: UInt8 = 2
    static let isQualityLongMark: UInt8 = 4
    static let isCostLongMark: UInt8 = 8

    let frame: UInt32
    private let body: UnsafeRawBufferPointer
    private let open: Int
    private let excluded: Int
    private let lengths: (topic: Int, embedding: Int, prompt: Int)

    /// Nil where the lengths are not the body's.
    init?(_ body: UnsafeRawBufferPointer) {
        guard body.count >= Self.headerBytes else { return nil }
        func word(_ offset: Int) -> Int {
            Int(UInt32(littleEndian: body.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        }
        self.body = body
        frame = UInt32(truncatingIfNeeded: word(20))
        open = word(52)
        excluded = word(56)
        lengths = (word(60), word(64), word(68))
        guard open > 0, open + excluded <= Self.mostPlaces else { return nil }
    }

    /// What quality and cost take.
    static func numberBytes(_ marks: UInt8) -> Int {
        (marks & isQualityLongMark != 0 ? 8 : 4) + (marks & isCostLongMark != 0 ? 8 : 4)
    }

    /// The marks of a candidate.
    static func marks(_ slot: PreparedRanking.Slot) -> UInt8 {
        (slot.isPrior ? isPriorMark : 0) | (slot.isCostAssumed ? isCostAssumedMark : 0)
            | (Double(Float(slot.quality)) != slot.quality ? isQualityLongMark : 0)
            | (Double(Float(slot.costUSD)) != slot.costUSD ? isCostLongMark : 0)
    }

    /// The decision without its id; nil where the frame is another's.
    ///
    /// - Parameter common: every model with what it is in all decisions of the frame: its name, its latency, why it is
    ///   excluded, and the goals' terms but for the cost's amount.
    func record(in common: DecisionRecord) -> DecisionRecord? {
        func load<Integer: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _: Integer.Type) -> Integer {
            Integer(littleEndian: body.loadUnaligned(fromByteOffset: offset, as: Integer.self))
        }
        var record = common
        record.candidates = []
        var offset = Self.headerBytes
        func number(isLong: Bool) -> Double {
            defer { offset += isLong ? 8 : 4 }
            return isLong
                ? Double(bitPattern: load(offset, UInt64.self))
                : Double(Float(bitPattern: load(offset, UInt32.self)))
        }
        for index in 0..<open + excluded {
            guard body.count - offset >= Self.candidateBytes else { return nil }
            let place = Int(load(offset, UInt16.self))
            let marks = body[offset + 2]
            guard common.candidates.indices.contains(place),
                body.count - offset >= Self.candidateBytes + Self.numberBytes(marks)
            else { return nil }
            offset += Self.candidateBytes
            let quality = number(isLong: marks & Self.isQualityLongMark != 0)
            let cost = number(isLong: marks & Self.isCostLongMark != 0)
            var candidate = common.candidates[place]
            candidate.quality = quality
            candidate.costUsd = cost
            candidate.prior = marks & Self.isPriorMark != 0
            if index < open {
                candidate.weigh(cost: cost, isAssumed: marks & Self.isCostAssumedMark != 0)
            } else {
                candidate.contributions = []
            }
            record.candidates.append(candidate)
        }
        guard body.count - offset == lengths.topic + lengths.embedding + lengths.prompt else { return nil }
        func bytes(_ length: Int) -> ArraySlice<UInt8> {
            defer { offset += length }
            return Array(body[offset..<offset + length])[...]
        }
        record.model = record.candidates[0].model
        record.timeUnixMs = load(12, UInt64.self)
        record.promptTokens = load(24, UInt32.self)
        record.topicProbability = Double(bitPattern: load(28, UInt64.self))
        record.fingerprint = Array(body[36..<52])
        record.topic = String(decoding: bytes(lengths.topic), as: UTF8.self)
        record.embedding = Array(bytes(lengths.embedding))
        record.prompt = String(decoding: bytes(lengths.prompt), as: UTF8.self)
        return record
    }
}

extension CandidateRecord {
    /// Adds up the utility from quality and terms, as the ranking did.
    fileprivate mutating func weigh(cost: Double, isAssumed: Bool) {
        utility = quality
        for index in contributions.indices {
            if contributions[index].name == "cost" {
                contributions[index].amount = cost
                contributions[index].assumed = isAssumed
            }
            contributions[index].value = -(contributions[index].lambda * contributions[index].amount)
            utility += contributions[index].value
        }
        contributions.insert(
            ContributionRecord(name: "quality", value: quality, amount: quality, lambda: 1, unit: "points"), at: 0)
    }
}
