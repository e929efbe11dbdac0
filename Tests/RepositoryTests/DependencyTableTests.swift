import Foundation
import Testing

/// Holds the dependency table of the design against the manifest, so that dependencies keep pointing down.
@Suite struct DependencyTableTests {
    /// Targets of this package that each target may depend on.
    static let allowed: [String: Set<String>] = [
        "herdd": ["HerdServices"],
        "herdctl": ["HerdCommands"],
        "herd-load": ["HerdLoad"],
        "HerdLoad": ["CPrecisePoll", "HerdMessages", "HerdFrames", "HerdJSON"],
        "HerdCommands": [
            "HerdClient", "HerdDatasets", "HerdPrediction", "HerdPolicy", "HerdReflection", "HerdJSON",
            "HerdMessages", "HerdFrames",
        ],
        "HerdServices": [
            "HerdServer", "HerdClient", "HerdStore", "HerdBackends", "HerdPolicy", "HerdPrediction", "HerdDatasets",
            "HerdReflection", "HerdJSON", "HerdMessages", "HerdFrames", "HerdTransport", "CMessages",
        ],
        "HerdBackends": ["CCurl", "HerdJSON"],
        "HerdServer": ["HerdTransport", "HerdFrames", "HerdMessages"],
        "HerdClient": ["HerdTransport", "HerdFrames", "HerdMessages"],
        "HerdReflection": ["HerdJSON", "HerdMessages", "CMessages"],
        "HerdDatasets": ["HerdJSON", "HerdPrediction", "CPCRE2", "CZlib"],
        "HerdJSON": [],
        "HerdPolicy": [],
        "HerdPrediction": ["CVectors"],
        "HerdStore": ["CLMDB"],
        "HerdTransport": ["HerdFrames"],
        "HerdFrames": [],
        "HerdMessages": ["CMessages"],
        "CMessages": ["CProtobufC"],
        "CLMDB": ["CLMDBSystem"],
        "CCurl": ["CCurlSystem"],
        "CPCRE2": ["CPCRE2System"],
        "CVectors": [],
        "CPrecisePoll": [],
        "CProtobufC": [],
        "CLMDBSystem": [],
        "CCurlSystem": [],
        "CPCRE2System": [],
        "CZlib": [],
    ]

    /// Packages that the client and what lies beneath it may use, so that a thin client stays thin.
    static let clientPackages: Set<String> = ["swift-nio", "swift-log"]
    /// What it may use besides, and only where the trait of that name is on.
    static let traitPackages = ["swift-nio-ssl": "TLS"]

    @Test func theManifestKeepsToTheTable() throws {
        let manifest = try Manifest.ofThisPackage()
        for target in manifest.targets where target.type != "test" && !target.isSupport {
            let allowed = try #require(Self.allowed[target.name], "\(target.name) is not in the dependency table")
            let surplus = target.internalDependencies.subtracting(allowed)
            #expect(surplus.isEmpty, "\(target.name) must not depend on \(surplus.sorted())")
        }
    }

    @Test func theClientNeedsNoOtherPackages() throws {
        let manifest = try Manifest.ofThisPackage()
        var reached: Set<String> = []
        var open = ["HerdClient"]
        while let name = open.popLast() {
            guard reached.insert(name).inserted else { continue }
            let target = try #require(manifest.targets.first { $0.name == name })
            for package in target.packages.subtracting(Self.clientPackages) {
                let trait = try #require(Self.traitPackages[package], "\(name) uses \(package)")
                #expect(target.traits[package] == [trait], "\(name) uses \(package) without the trait \(trait)")
            }
            open += target.internalDependencies
        }
        #expect(!reached.contains("HerdServer"))
    }

    @Test func pureTargetsUseNoPackages() throws {
        let manifest = try Manifest.ofThisPackage()
        for name in ["HerdJSON", "HerdPolicy", "HerdPrediction", "HerdMessages", "HerdFrames"] {
            let target = try #require(manifest.targets.first { $0.name == name })
            #expect(target.packages.isEmpty, "\(name) uses \(target.packages.sorted())")
        }
    }
}

/// What `swift package dump-package` tells of a manifest.
struct Manifest {
    struct Target {
        let name: String
        let type: String
        let path: String?
        let internalDependencies: Set<String>
        let packages: Set<String>
        /// Package to the traits without which it is not used.
        let traits: [String: [String]]

        /// Test-support, fuzz and benchmark targets stand outside the table.
        var isSupport: Bool { path.map { $0.hasPrefix("Tests/") || $0.hasPrefix("Benchmarks/") } ?? false }
    }

    let targets: [Target]

    static func ofThisPackage() throws -> Manifest {
        let scratch = FileManager.default.temporaryDirectory.appending(path: "herd-manifest-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: scratch) }
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "swift", "package", "--package-path", Repository.root.path, "--scratch-path", scratch.path, "dump-package",
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let targets = try #require(json["targets"] as? [[String: Any]])
        return Manifest(targets: try targets.map(Target.init(json:)))
    }
}

extension Manifest.Target {
    fileprivate init(json: [String: Any]) throws {
        name = try #require(json["name"] as? String)
        type = try #require(json["type"] as? String)
        path = json["path"] as? String
        var targets: Set<String> = []
        var packages: Set<String> = []
        var traits: [String: [String]] = [:]
        for dependency in json["dependencies"] as? [[String: Any]] ?? [] {
            if let byName = dependency["byName"] as? [Any], let name = byName.first as? String { targets.insert(name) }
            if let target = dependency["target"] as? [Any], let name = target.first as? String { targets.insert(name) }
            if let product = dependency["product"] as? [Any], product.count > 1, let package = product[1] as? String {
                packages.insert(package)
                if let condition = product.last as? [String: Any] { traits[package] = condition["traits"] as? [String] }
            }
        }
        internalDependencies = targets
        self.packages = packages
        self.traits = traits
    }
}

/// This checkout.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
}
