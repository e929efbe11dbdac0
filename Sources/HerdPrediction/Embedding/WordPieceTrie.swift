import Glibc

/// The vocabulary as a double array over UTF-8 bytes (Aoe 1989): one load per byte of a word finds the longest piece.
///
/// A state is a `UInt64`: the byte that leads to it in bits 0-7, its token id + 1 (0 for none) in bits 8-31, its base in
/// bits 32-63. The successor of a state by a byte is the unit at base + byte, if that unit carries the same byte; bases
/// are unique, so no other state's successor is mistaken for it.
final class WordPieceTrie: Sendable {
    typealias State = UInt64

    private nonisolated(unsafe) let units: UnsafeMutablePointer<State>
    /// Where a word's first piece starts.
    let root: State
    /// Where a later piece starts: behind "##".
    let continuation: State

    /// Throws where a token occurs twice.
    init(_ vocabulary: Vocabulary) throws(TableDefect) {
        var builder = DoubleArrayBuilder(vocabulary)
        guard builder.build() else { throw TableDefect(.damaged, "its vocabulary has a token twice") }
        units = .allocate(capacity: builder.units.count)
        units.initialize(from: builder.units, count: builder.units.count)
        let units = units
        root = units[0]
        // Without any continuation piece nothing follows this state: a leaf.
        let hash = UInt8(ascii: "#")
        var state: State? = root
        for _ in 0..<2 { state = state.flatMap { Self.step(units, $0, hash) } }
        continuation = state ?? builder.leaf
    }

    deinit { units.deallocate() }

    /// The state behind `state` by `byte`, if the vocabulary goes on so.
    @inline(__always)
    func next(_ state: State, _ byte: UInt8) -> State? { Self.step(units, state, byte) }

    @inline(__always)
    private static func step(_ units: UnsafeMutablePointer<State>, _ state: State, _ byte: UInt8) -> State? {
        let unit = units[Int(truncatingIfNeeded: state >> 32) &+ Int(byte)]
        return unit & 0xFF == UInt64(byte) ? unit : nil
    }

    /// The token that ends in this state, or -1.
    @inline(__always)
    static func token(_ state: State) -> Int32 { Int32(truncatingIfNeeded: state >> 8 & 0xFF_FFFF) &- 1 }
}

/// Lays the trie out in one array, depth first over the sorted vocabulary.
private struct DoubleArrayBuilder {
    private let vocabulary: Vocabulary
    private(set) var units: [UInt64] = []
    /// A state that nothing follows: its base leads to 256 units that stay empty.
    private(set) var leaf: UInt64 = 0
    private var taken: [Bool] = []
    private var baseTaken: [Bool] = []
    private var firstFree = 1
    private var lastTaken = 0
    /// How far before the last taken unit a place is looked for.
    private static let reach = 256

    init(_ vocabulary: Vocabulary) {
        self.vocabulary = vocabulary
    }

    private func token(_ id: Int) -> UnsafeBufferPointer<UInt8> { vocabulary.token(id) }

    private func precedes(_ left: Int, _ right: Int) -> Bool {
        let (a, b) = (token(left), token(right))
        guard let first = a.baseAddress, let second = b.baseAddress else { return a.count < b.count }
        let order = memcmp(first, second, min(a.count, b.count))
        return order != 0 ? order < 0 : a.count < b.count
    }

    /// False where a token equals another.
    mutating func build() -> Bool {
        let sorted = (0..<vocabulary.starts.count - 1).sorted(by: precedes)
        grow(to: 1024)
        taken[0] = true
        // A state under construction: the tokens that pass through it, its depth and its unit.
        var open = [(tokens: 0..<sorted.count, depth: 0, unit: 0)]
        var leaves: [Int] = []
        while let (tokens, depth, unit) = open.popLast() {
            var start = tokens.lowerBound
            if token(sorted[start]).count == depth {
                units[unit] |= UInt64(sorted[start] + 1) << 8
                start += 1
                if start < tokens.upperBound, token(sorted[start]).count == depth { return false }
            }
            guard start < tokens.upperBound else {
                leaves.append(unit)
                continue
            }
            var children: [(byte: UInt8, tokens: Range<Int>)] = []
            while start < tokens.upperBound {
                let byte = token(sorted[start])[depth]
                var end = start + 1
                while end < tokens.upperBound, token(sorted[end])[depth] == byte { end += 1 }
                children.append((byte, start..<end))
                start = end
            }
            let base = place(children.map { Int($0.byte) })
            units[unit] |= UInt64(base) << 32
            for (byte, tokens) in children {
                units[base + Int(byte)] = UInt64(byte)
                open.append((tokens, depth + 1, base + Int(byte)))
            }
        }
        // Every base is at most the last taken unit, so all its 256 successors are inside.
        let empty = lastTaken + 1
        units.removeLast(units.count - empty)
        units.append(contentsOf: repeatElement(0, count: 256))
        leaf = UInt64(empty) << 32
        for unit in leaves { units[unit] |= leaf }
        return true
    }

    private mutating func grow(to count: Int) {
        guard count > units.count else { return }
        let more = count - units.count
        units.append(contentsOf: repeatElement(0, count: more))
        taken.append(contentsOf: repeatElement(false, count: more))
        baseTaken.append(contentsOf: repeatElement(false, count: more))
    }

    /// Takes an unused base at which a unit is free for each byte: the first of those near the end of the array, so that
    /// the search stays short however full its beginning is.
    private mutating func place(_ bytes: [Int]) -> Int {
        while firstFree < taken.count, taken[firstFree] { firstFree += 1 }
        var unit = max(firstFree, lastTaken - Self.reach, bytes[0] + 1)
        while true {
            let base = unit - bytes[0]
            if base + 256 > units.count { grow(to: 2 * units.count + 256) }
            if !taken[unit], !baseTaken[base], bytes.allSatisfy({ !taken[base + $0] }) {
                baseTaken[base] = true
                for byte in bytes {
                    taken[base + byte] = true
                    lastTaken = max(lastTaken, base + byte)
                }
                return base
            }
            unit += 1
        }
    }
}
