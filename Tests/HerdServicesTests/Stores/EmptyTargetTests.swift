import Foundation
import HerdServices
import Testing

@Suite struct EmptyTargetTests {
    /// A shell's unset variable must never mean the root of the file system.
    @Test func aRestorationToNowhereIsRefused() {
        let backup = NSTemporaryDirectory() + "no-backup-\(UUID().uuidString)"
        #expect(StoreMaintenance(json: true, showsProgress: false).restore(backup, to: "", keepsDamaged: false) == 64)
        #expect(
            StoreMaintenance(json: true, showsProgress: false).restore(
                backup, to: backup + "-data", keepsDamaged: false) == 66)
    }
}
