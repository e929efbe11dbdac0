import Foundation
import HerdStore

extension StoreTorture {
    /// Cuts the power at random points of a trace and opens what is left, printing one line for each cut that broke a
    /// promise.
    ///
    /// - Parameter honest: false pretends that no synchronisation ever reached the disk, which must break promises: the
    ///   check of the check.
    static func cuts(_ trace: String, _ folder: String, seed: UInt64, count: Int, honest: Bool) async throws {
        let events = try WriteTrace.read(trace)
        var random = SeededGenerator(seed: seed)
        var disk = SimulatedDisk(isHonest: honest)
        var acknowledged = [UInt64](repeating: 0, count: Int(MixedWrites.writers))
        var broken = 0
        var next = 0
        // Some at the very beginning, where the file is made.
        let places = (0..<count).map { number in
            Int.random(in: 0...(number % 10 == 0 ? min(events.count, 60) : events.count), using: &random)
        }.sorted()
        for place in places {
            while next < place {
                if case .mark(let writer, let step) = events[next] { acknowledged[Int(writer)] = step }
                disk.apply(events[next])
                next += 1
            }
            let image = disk.image(afterCut: &random)
            try? FileManager.default.removeItem(atPath: folder)
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            if let image { try Data(image).write(to: URL(filePath: folder + "/data.mdb")) }
            if let problem = await problem(folder, acknowledged) {
                broken += 1
                say("cut at \(place) of \(events.count): \(problem)")
            }
        }
        say("\(count) cuts, \(broken) broke a promise, \(acknowledged.reduce(0, +)) writes acknowledged")
    }

    private static func problem(_ folder: String, _ acknowledged: [UInt64]) async -> String? {
        do {
            let store = try open(folder, and: MixedWrites.tables)
            let result = Result { try MixedWrites(seed: WriteTrace.seed).check(store) }
            await store.close()
            let steps = try result.get()
            for (writer, (done, promised)) in zip(steps, acknowledged).enumerated() {
                // The one under way may or may not be there.
                guard promised...promised + 1 ~= done else {
                    return "writer \(writer) did \(done) steps, \(promised) were acknowledged"
                }
            }
            let report = try StoreVerification.run(folder, check: { _, _, _ in nil }, progress: { _, _ in })
            return report.isSound ? nil : "damaged: \(report.structureProblem ?? "\(report.damagedRecords) records")"
        } catch {
            return "\(error)"
        }
    }
}

/// What the preloaded recorder wrote down.
enum WriteTrace {
    /// Of the writes in a trace.
    static let seed: UInt64 = 20_260

    enum Event {
        case write(number: UInt64, offset: Int, bytes: ArraySlice<UInt8>)
        case durable(number: UInt64)
        case syncBegan
        case syncEnded(succeeded: Bool)
        case truncated(Int)
        case mark(writer: UInt64, step: UInt64)
        case renamed
        case folderSynced
    }

    static func read(_ path: String) throws -> [Event] {
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        var events: [Event] = []
        var offset = 0
        while offset + 40 <= bytes.count {
            let words = (0..<5).map { word in
                (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[offset + 8 * word + $1]) << (8 * UInt64($1)) }
            }
            offset += 40
            let payload = bytes[offset..<(offset + Int(words[4]))]
            offset += Int(words[4])
            switch words[0] {
            case 1: events.append(.write(number: words[3], offset: Int(words[2]), bytes: payload))
            case 2: events.append(.durable(number: words[3]))
            case 3: events.append(.syncBegan)
            case 4: events.append(.syncEnded(succeeded: words[2] == 0))
            case 5: events.append(.truncated(Int(words[2])))
            case 6: events.append(.mark(writer: words[2], step: words[3]))
            case 7: events.append(.renamed)
            default: events.append(.folderSynced)
            }
        }
        return events
    }
}

/// A disk with a cache that forgets, reorders and tears what was not synchronised, for one file.
struct SimulatedDisk {
    private struct Pending {
        let number: UInt64
        let offset: Int
        let bytes: ArraySlice<UInt8>
    }

    /// What is sure to survive.
    private var durable: [UInt8] = []
    private var pending: [Pending] = []
    /// How many of the pending writes came before the synchronisation under way.
    private var covered = 0
    private var isNamed = false
    private var isNameDurable = false
    private let isHonest: Bool

    static let sector = 512

    init(isHonest: Bool) {
        self.isHonest = isHonest
    }

    mutating func apply(_ event: WriteTrace.Event) {
        switch event {
        case .write(let number, let offset, let bytes):
            pending.append(Pending(number: number, offset: offset, bytes: bytes))
        case .durable(let number):
            guard isHonest, let index = pending.firstIndex(where: { $0.number == number }) else { return }
            Self.write(pending.remove(at: index), to: &durable)
            if index < covered { covered -= 1 }
        case .syncBegan:
            covered = pending.count
        case .syncEnded(let succeeded):
            guard isHonest, succeeded else { return }
            for write in pending[..<covered] { Self.write(write, to: &durable) }
            pending.removeFirst(covered)
            covered = 0
        case .truncated(let length):
            // The store never shortens its file; a longer one begins with zeros.
            if length > durable.count { durable += [UInt8](repeating: 0, count: length - durable.count) }
        case .renamed:
            isNamed = true
        case .folderSynced:
            isNameDurable = isNamed
        case .mark:
            break
        }
    }

    /// What the file may hold after a cut now; nil where it may not have its name yet.
    func image(afterCut random: inout SeededGenerator) -> [UInt8]? {
        guard isNameDurable || isNamed && Bool.random(using: &random) else { return nil }
        var image = durable
        let extent = pending.map { $0.offset + $0.bytes.count }.max() ?? 0
        // The file's length may be on the disk before what lies there.
        if Int.random(in: 0..<4, using: &random) == 0, extent > image.count {
            image += [UInt8](repeating: 0, count: extent - image.count)
        }
        switch Int.random(in: 0..<6, using: &random) {
        case 0:
            break
        case 1:
            for write in pending { Self.write(write, to: &image) }
        case 2:
            // Cut in the middle of one: those before are there.
            let whole = Int.random(in: 0...pending.count, using: &random)
            for write in pending[..<whole] { Self.write(write, to: &image) }
            if whole < pending.count { tear(pending[whole], into: &image, &random) }
        case 3:
            // Any of them, in any order.
            for write in pending.shuffled(using: &random) where Bool.random(using: &random) {
                Self.write(write, to: &image)
            }
        default:
            // Any sectors of any of them, in any order.
            for write in pending.shuffled(using: &random) { tear(write, into: &image, &random) }
        }
        return image
    }

    private func tear(_ write: Pending, into image: inout [UInt8], _ random: inout SeededGenerator) {
        var start = 0
        while start < write.bytes.count {
            // Sectors are of the disk, wherever the write begins.
            let end = min(write.bytes.count, start + Self.sector - (write.offset + start) % Self.sector)
            if Bool.random(using: &random) {
                let part = write.bytes[(write.bytes.startIndex + start)..<(write.bytes.startIndex + end)]
                Self.write(Pending(number: write.number, offset: write.offset + start, bytes: part), to: &image)
            }
            start = end
        }
    }

    private static func write(_ write: Pending, to image: inout [UInt8]) {
        let end = write.offset + write.bytes.count
        if end > image.count { image += [UInt8](repeating: 0, count: end - image.count) }
        image.replaceSubrange(write.offset..<end, with: write.bytes)
    }
}
