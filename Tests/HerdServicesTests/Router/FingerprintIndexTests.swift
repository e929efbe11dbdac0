import HerdServices
import HerdStore
import Testing

/// Where cached predictions are: found, replaced, and forgotten with their generation.
@Suite struct FingerprintIndexTests {
    @Test func itKnowsTheNewestOfEach() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("fingerprint index: seed \(seed)")
        var random = SeededNumbers(seed)
        let index = FingerprintIndex()
        var known: [UInt128: (number: UInt64, place: Int)] = [:]
        var newer = 0
        // Few enough that some come again, and numbers that begin anywhere.
        let fingerprints = (0..<20_000).map { _ in UInt128(random.next()) << 64 | UInt128(random.next()) }
        var number = random.next() >> 8
        for round in 0..<60_000 {
            if round % 25_000 == 24_999 {
                newer = 1 - newer
                index.begin(place: newer)
                known = known.filter { $0.value.place != newer }
            }
            let fingerprint = fingerprints[Int(random.next() % UInt64(fingerprints.count))]
            number += 1 + random.next() % 3
            index.add(NumberedFingerprint(number: number, fingerprint: fingerprint), place: newer)
            known[fingerprint] = (number, newer)
        }
        for fingerprint in fingerprints {
            let location = index.location(of: fingerprint)
            #expect(location?.key.number == known[fingerprint]?.number)
            #expect(location?.key.fingerprint == (known[fingerprint] == nil ? nil : fingerprint))
            #expect(location?.place == known[fingerprint]?.place)
            #expect(location?.isOlder == known[fingerprint].map { $0.place != newer })
        }
    }

    @Test func whatWasThereBeforeReplacesNothing() {
        let index = FingerprintIndex()
        index.begin(place: 1)
        index.add(NumberedFingerprint(number: 900, fingerprint: 7), place: 1)
        index.load(
            [(800, 7), (700, 8), (600, 8)].map { NumberedFingerprint(number: $0.0, fingerprint: $0.1) }, place: 1)
        index.load([NumberedFingerprint(number: 500, fingerprint: 9)], place: 0)
        #expect(index.location(of: 7)?.key.number == 900)
        #expect(index.location(of: 8)?.key.number == 700)
        #expect(index.location(of: 9)?.isOlder == true && index.location(of: 7)?.isOlder == false)
        #expect(index.location(of: 10) == nil && index.count == 3)
        index.begin(place: 0)
        #expect(index.location(of: 9) == nil && index.location(of: 7)?.isOlder == true)
    }

    @Test func twoThatAgreeInWhatItTellsByAreNotMixedUp() {
        let index = FingerprintIndex()
        let (one, other) = (UInt128(5) << 64 | 3, UInt128(5) << 64 | 3 | 1 << 40)
        index.add(NumberedFingerprint(number: 1, fingerprint: one), place: 0)
        index.add(NumberedFingerprint(number: 2, fingerprint: other), place: 0)
        // The key that is looked under has the fingerprint in it: nothing is found there.
        #expect(index.location(of: one)?.key == NumberedFingerprint(number: 2, fingerprint: one))
        #expect(index.location(of: other)?.key.number == 2)
    }

    @Test func numbersTooFarApartAreMisses() {
        let index = FingerprintIndex()
        index.add(NumberedFingerprint(number: 1 << 40, fingerprint: 1), place: 0)
        for (fingerprint, number) in [(2, 1), (3, 1 << 50), (4, UInt64.max)] as [(UInt128, UInt64)] {
            index.add(NumberedFingerprint(number: number, fingerprint: fingerprint), place: 0)
            #expect(index.location(of: fingerprint) == nil)
        }
        #expect(index.location(of: 1)?.key.number == 1 << 40)
    }

    @Test func keysAreReadAsTheyAreWritten() throws {
        let key = NumberedFingerprint(number: 0x0102_0304_0506_0708, fingerprint: UInt128(9) << 120 | 10)
        try key.withKeyBytes { bytes throws(StoreError) in
            #expect(bytes.byteCount == 24 && bytes.unsafeLoad(as: UInt8.self) == 1)
            #expect(NumberedFingerprint(keyBytes: bytes) == key)
            #expect(NumberedFingerprint(keyBytes: bytes.extracting(first: 16)) == nil)
        }
    }
}
