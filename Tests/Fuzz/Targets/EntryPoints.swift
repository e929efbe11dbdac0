import Glibc

// What libFuzzer, or the driver without it, calls. Only one target is under attack in a process.
nonisolated(unsafe) private var chosen: FuzzTarget?

/// Called once by libFuzzer with the command line, in which `--target=NAME` says what to attack.
@_cdecl("LLVMFuzzerInitialize")
public func initializeFuzzer(
    _ count: UnsafePointer<Int32>,
    _ arguments: UnsafePointer<UnsafePointer<UnsafePointer<CChar>>>
) -> Int32 {
    for index in 0..<Int(count.pointee) {
        let argument = String(cString: arguments.pointee[index])
        guard argument.hasPrefix("--target=") else { continue }
        chosen = FuzzTarget.named(String(argument.dropFirst("--target=".count)))
    }
    guard chosen != nil else {
        fail("name a target with --target=NAME: one that `herd-fuzz list` of a build without fuzzer prints")
    }
    return 0
}

/// Called by libFuzzer with each input; ends the process where the target finds a violation.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    if let violation = chosen?.run(UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : count)) {
        fail(violation.description)
    }
    return 0
}

private func fail(_ reason: String) -> Never {
    report(reason)
    abort()
}

/// The program where it is built without libFuzzer: `list` prints the targets, `seeds DIR` writes the seed inputs of
/// each to DIR/NAME.
///
/// - Returns: the exit code.
@_cdecl("herd_fuzz_main")
public func runWithoutFuzzer(_ count: Int32, _ arguments: UnsafePointer<UnsafePointer<CChar>>) -> Int32 {
    let words = (1..<max(1, Int(count))).map { String(cString: arguments[$0]) }
    if words == ["list"] {
        for target in FuzzTarget.all { print(target.name) }
        return 0
    }
    guard words.count == 2, words[0] == "seeds" else {
        report("usage: herd-fuzz list | herd-fuzz seeds DIR; make fuzz builds and runs it with libFuzzer")
        return 64
    }
    for target in FuzzTarget.all {
        let folder = "\(words[1])/\(target.name)"
        mkdir(folder, 0o755)
        for (index, seed) in target.seeds().enumerated() where !write(seed, to: "\(folder)/seed-\(index)") {
            report("\(folder)/seed-\(index) can't be written; make \(words[1]) first")
            return 74
        }
    }
    return 0
}

private func report(_ what: String) {
    let line = Array("herd-fuzz: \(what)\n".utf8)
    _ = Glibc.write(STDERR_FILENO, line, line.count)
}

private func write(_ bytes: [UInt8], to path: String) -> Bool {
    guard let file = fopen(path, "w") else { return false }
    defer { fclose(file) }
    return fwrite(bytes, 1, bytes.count, file) == bytes.count
}
