// swift-tools-version: 6.2

import PackageDescription

// A program that only calls: with `traits: []` it fetches swift-nio and swift-log (and what those bring), links no
// Foundation and needs libprotobuf-c. `make thin-client` builds it and holds it to that.
let package = Package(
    name: "thin-client",
    dependencies: [
        // Outside of this repository: .package(url: "...", from: "...", traits: [])
        .package(name: "herd", path: "../..", traits: [])
    ],
    targets: [
        .executableTarget(name: "thin-client", dependencies: [.product(name: "HerdClient", package: "herd")])
    ],
    swiftLanguageModes: [.v6]
)
