import Foundation

/// A library that sets the wall clock of a process while it runs.
struct JumpingClock {
    let environment: [String: String]
    private let offset: URL

    /// - Parameter folder: where it is compiled to.
    init(in folder: URL) throws {
        offset = folder.appending(path: "offset")
        try Data(count: 8).write(to: offset)
        let library = try PreloadedLibrary.compile("Tests/Support/Preload/set_clock.c", in: folder)
        environment = ["LD_PRELOAD": library, "HERD_CLOCK_OFFSET": offset.path]
    }

    /// Sets the clock to so many seconds off the true time.
    func set(_ seconds: Int64) throws {
        // In place: the process has the page mapped.
        let file = try FileHandle(forWritingTo: offset)
        try file.write(contentsOf: withUnsafeBytes(of: seconds) { Data($0) })
        try file.close()
    }
}
