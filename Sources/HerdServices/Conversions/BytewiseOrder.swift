import Glibc

/// The order of strings by their UTF-8: the same on every platform, unlike an order by Unicode collation.
enum BytewiseOrder {
    static func precedes(_ left: String, _ right: String) -> Bool {
        let order = left.utf8.withContiguousStorageIfAvailable { left in
            right.utf8.withContiguousStorageIfAvailable { right in compare(left, right) }
        }
        return (order ?? nil).map { $0 < 0 } ?? left.utf8.lexicographicallyPrecedes(right.utf8)
    }

    private static func compare(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Int {
        guard let first = left.baseAddress, let second = right.baseAddress else { return left.count - right.count }
        let order = memcmp(first, second, min(left.count, right.count))
        return order != 0 ? Int(order) : left.count - right.count
    }
}
