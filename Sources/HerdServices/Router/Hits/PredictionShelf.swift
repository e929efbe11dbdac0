import Glibc

/// Records of cached predictions, in memory, by their fingerprints: a copy of what the store has, which never changes
/// under a fingerprint. When it is full it begins anew.
struct PredictionShelf: ~Copyable {
    private struct Place {
        var fingerprint: UInt128
        /// 0 for a place that is free.
        var length: UInt32
        var offset: UInt32
    }

    private static let mostRecords = 16_384
    /// At most half full, so that a probe or two find everything.
    private static let placeCount = 2 * mostRecords
    private static let mostBytes = 8 << 20

    private let places: UnsafeMutablePointer<Place>
    private let memory: UnsafeMutableRawPointer
    private var count = 0
    private var used = 0

    /// Takes no memory that is not used.
    init?() {
        guard let places = calloc(Self.placeCount, MemoryLayout<Place>.stride) else { return nil }
        guard let memory = malloc(Self.mostBytes) else {
            free(places)
            return nil
        }
        self.places = places.bindMemory(to: Place.self, capacity: Self.placeCount)
        self.memory = memory
    }

    deinit {
        free(places)
        free(memory)
    }

    /// A record, valid until the next one is added.
    func record(of fingerprint: UInt128) -> UnsafeRawBufferPointer? {
        var index = Self.index(fingerprint)
        while places[index].length > 0 {
            if places[index].fingerprint == fingerprint {
                return UnsafeRawBufferPointer(
                    start: memory + Int(places[index].offset), count: Int(places[index].length))
            }
            index = (index + 1) & (Self.placeCount - 1)
        }
        return nil
    }

    /// Adds a record that is not there, unless it is very long; gives it as `record` does.
    mutating func add(_ record: [UInt8], under fingerprint: UInt128) -> UnsafeRawBufferPointer? {
        guard !record.isEmpty, record.count <= Self.mostBytes / 64 else { return nil }
        if count == Self.mostRecords || used + record.count > Self.mostBytes { clear() }
        var index = Self.index(fingerprint)
        while places[index].length > 0 { index = (index + 1) & (Self.placeCount - 1) }
        places[index] = Place(fingerprint: fingerprint, length: UInt32(record.count), offset: UInt32(used))
        let copy = UnsafeMutableRawBufferPointer(start: memory + used, count: record.count)
        copy.copyBytes(from: record)
        // Records begin at a word.
        used += (record.count + 7) & ~7
        count += 1
        return UnsafeRawBufferPointer(copy)
    }

    private mutating func clear() {
        memset(places, 0, Self.placeCount * MemoryLayout<Place>.stride)
        count = 0
        used = 0
    }

    private static func index(_ fingerprint: UInt128) -> Int {
        Int(truncatingIfNeeded: fingerprint) & (placeCount - 1)
    }
}
