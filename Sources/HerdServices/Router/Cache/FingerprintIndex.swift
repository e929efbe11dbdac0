import NIOConcurrencyHelpers

/// Where the store keeps the prediction of each fingerprint, in memory: 8 bytes a place, at least three of eight in use.
///
/// It tells by 40 bits of the fingerprint; whoever looks under the key it gives finds the right record or none. Of two
/// fingerprints that agree in these the newer one is known.
package final class FingerprintIndex: Sendable {
    /// Under which key, and in which of the two tables.
    package struct Location: Equatable {
        package var key: NumberedFingerprint
        package var place: Int
        /// Whether that table is the older generation.
        package var isOlder: Bool
    }

    private struct State {
        var generations = [Generation(), Generation()]
        var newer = 0

        func location(of fingerprint: UInt128, place: Int) -> Location? {
            generations[place].number(of: fingerprint).map { number in
                Location(
                    key: NumberedFingerprint(number: number, fingerprint: fingerprint), place: place,
                    isOlder: place != newer)
            }
        }
    }

    private let state = NIOLockedValueBox(State())

    package init() {}

    /// How many fingerprints are known, of both generations.
    package var count: Int {
        state.withLockedValue { state in state.generations.reduce(0) { $0 + $1.count } }
    }

    package func location(of fingerprint: UInt128) -> Location? {
        state.withLockedValue { state in
            state.location(of: fingerprint, place: state.newer)
                ?? state.location(of: fingerprint, place: 1 - state.newer)
        }
    }

    /// In the older generation, for when the newer one has it no more, or never got it.
    package func olderLocation(of fingerprint: UInt128) -> Location? {
        state.withLockedValue { state in state.location(of: fingerprint, place: 1 - state.newer) }
    }

    /// A record was added.
    package func add(_ key: NumberedFingerprint, place: Int) {
        state.withLockedValue { $0.generations[place].add(key, isNewest: true) }
    }

    /// Records that were there before, the newest first.
    package func load(_ keys: [NumberedFingerprint], place: Int) {
        state.withLockedValue { state in
            for key in keys { state.generations[place].add(key, isNewest: false) }
        }
    }

    /// A table without records is the newer generation from now on.
    package func begin(place: Int) {
        state.withLockedValue { state in
            state.generations[place] = Generation()
            state.newer = place
        }
    }
}

/// The fingerprints of one table: open addressing in 256 parts, so that none is long in growing.
private struct Generation {
    private var parts = [[UInt64]](repeating: [], count: 256)
    private var counts = [Int](repeating: 0, count: 256)
    /// The number of the record that was known first; the others' are kept as differences.
    private var base: UInt64?

    private static let smallestPart = 16
    /// What numbers below the first one may differ by, and those above it.
    private static let offset: UInt64 = 1 << 31

    var count: Int { counts.reduce(0, +) }

    func number(of fingerprint: UInt128) -> UInt64? {
        let part = Self.part(of: fingerprint)
        guard let base, !parts[part].isEmpty else { return nil }
        let found = parts[part].withUnsafeBufferPointer { $0[Self.place(of: Self.tag(of: fingerprint), in: $0)] }
        guard found != 0 else { return nil }
        return base &+ (found & 0xFFFF_FFFF) &- Self.offset
    }

    mutating func add(_ key: NumberedFingerprint, isNewest: Bool) {
        let base = base ?? key.number
        self.base = base
        // From 1 on: 0 is a free place.
        let difference = key.number &- base &+ Self.offset
        guard difference > 0, difference <= UInt64(UInt32.max) else { return }
        let (part, tag) = (Self.part(of: key.fingerprint), Self.tag(of: key.fingerprint))
        if 4 * (counts[part] + 1) > 3 * parts[part].count { grow(part) }
        let place = parts[part].withUnsafeBufferPointer { Self.place(of: tag, in: $0) }
        if parts[part][place] == 0 {
            counts[part] += 1
        } else if !isNewest {
            return
        }
        parts[part][place] = UInt64(tag) << 32 | difference
    }

    private mutating func grow(_ part: Int) {
        var larger = [UInt64](repeating: 0, count: max(Self.smallestPart, 2 * parts[part].count))
        larger.withUnsafeMutableBufferPointer { larger in
            for entry in parts[part] where entry != 0 {
                larger[Self.place(of: UInt32(entry >> 32), in: UnsafeBufferPointer(larger))] = entry
            }
        }
        parts[part] = larger
    }

    private static func part(of fingerprint: UInt128) -> Int { Int(truncatingIfNeeded: fingerprint & 0xFF) }

    private static func tag(of fingerprint: UInt128) -> UInt32 { UInt32(truncatingIfNeeded: fingerprint >> 64) }

    /// The place of a tag, or the free one where it would come.
    private static func place(of tag: UInt32, in entries: UnsafeBufferPointer<UInt64>) -> Int {
        let mask = entries.count - 1
        var place = Int(tag) & mask
        while entries[place] != 0, UInt32(entries[place] >> 32) != tag { place = (place + 1) & mask }
        return place
    }
}
