import Foundation
import HerdStore

extension StoreTorture {
    /// Writes until the file may not grow, then removes and writes again, printing what was acknowledged and every error.
    static func full(_ path: String, bytes: UInt) async throws {
        signal(SIGXFSZ, SIG_IGN)
        var limit = rlimit(rlim_cur: bytes, rlim_max: UInt.max)
        guard setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { return say("no limit") }
        let store = try open(path)
        var stored: [UInt64] = []
        var failures = 0
        for number in UInt64(0)... {
            do {
                try await store.write { try $0.put([UInt8](repeating: 3, count: 2000), for: number, in: numbers) }
                stored.append(number)
            } catch let error as StoreError {
                say(error.code.rawValue)
                failures += 1
                if failures == 3 { break }
            }
        }
        // The limit is lifted as if a person had made room on the disk.
        limit.rlim_cur = UInt.max
        guard setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { return say("no limit") }
        try await store.write { try $0.put([1], for: "after", in: names) }
        for number in stored { say("\(number)") }
        await store.close()
        say("closed")
    }
}
