// swift-tools-version: 6.2

import PackageDescription

// What a consumer of the HerdClient product gets is kept small: with `traits: []` it fetches swift-nio and swift-log
// only, because every other dependency is used by targets behind the `Server` trait.
let server: TargetDependencyCondition? = .when(traits: ["Server"])
let tls: TargetDependencyCondition? = .when(traits: ["TLS"])

let package = Package(
    name: "herd",
    products: [
        .library(name: "HerdClient", targets: ["HerdClient"]),
        .executable(name: "herdd", targets: ["herdd"]),
        .executable(name: "herdctl", targets: ["herdctl"]),
        .executable(name: "herd-load", targets: ["herd-load"]),
    ],
    traits: [
        .trait(name: "Server", description: "The router, scorer and refiner services and the command line tools."),
        .trait(name: "TLS", description: "Encrypted transport: TLS on TCP connections, of clients and servers."),
        .default(enabledTraits: ["Server", "TLS"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(
            url: "https://github.com/apple/swift-configuration", from: "1.4.0",
            traits: ["YAML", "CommandLineArguments"]),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // MARK: - C: generated messages, system libraries with typed shims, integer kernels
        .systemLibrary(
            name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CLMDBSystem", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
        .systemLibrary(name: "CCurlSystem", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CPCRE2System", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        .target(name: "CMessages", dependencies: ["CProtobufC"]),
        .target(name: "CLMDB", dependencies: ["CLMDBSystem"]),
        .target(name: "CCurl", dependencies: ["CCurlSystem"]),
        .target(name: "CPCRE2", dependencies: ["CPCRE2System"]),
        .target(name: "CVectors"),
        .target(name: "CPrecisePoll"),

        // MARK: - The wire and the client
        .target(name: "HerdMessages", dependencies: ["CMessages"]),
        .target(name: "HerdFrames"),
        .target(
            name: "HerdTransport",
            dependencies: [
                "HerdFrames",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl", condition: tls),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(
            name: "HerdClient",
            dependencies: [
                "HerdTransport", "HerdFrames", "HerdMessages",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ]),

        // MARK: - Pure domain: prediction, policy, data
        .target(name: "HerdJSON"),
        .target(name: "HerdPrediction", dependencies: ["CVectors"]),
        .target(name: "HerdPolicy"),
        .target(
            name: "HerdDatasets",
            dependencies: [
                "HerdJSON", "HerdPrediction", "CPCRE2", "CZlib",
                .product(name: "Yams", package: "Yams", condition: server),
            ]),

        .target(name: "HerdReflection", dependencies: ["HerdJSON", "HerdMessages", "CMessages"]),

        // MARK: - Services
        .target(
            name: "HerdBackends",
            dependencies: [
                "CCurl", "HerdJSON",
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ], exclude: ["README.md"]),
        .target(
            name: "HerdStore",
            dependencies: ["CLMDB", .product(name: "Logging", package: "swift-log")],
            swiftSettings: [.strictMemorySafety()]),
        .target(
            name: "HerdServer",
            dependencies: [
                "HerdTransport", "HerdFrames", "HerdMessages",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: server),
            ]),
        .target(
            name: "HerdServices",
            dependencies: [
                "HerdServer", "HerdClient", "HerdStore", "HerdBackends", "HerdPolicy", "HerdPrediction",
                "HerdDatasets", "HerdJSON", "HerdMessages", "HerdFrames", "HerdTransport", "CMessages",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: server),
                .product(name: "UnixSignals", package: "swift-service-lifecycle", condition: server),
                .product(name: "Configuration", package: "swift-configuration", condition: server),
                .product(name: "Yams", package: "Yams", condition: server),
            ]),

        // MARK: - Entry points
        .target(
            name: "HerdCommands",
            dependencies: [
                "HerdClient", "HerdMessages", "HerdFrames", "HerdReflection", "HerdJSON", "HerdDatasets",
                "HerdPrediction", "HerdPolicy",
                .product(name: "ArgumentParser", package: "swift-argument-parser", condition: server),
                .product(name: "Yams", package: "Yams", condition: server),
            ]),
        .target(
            name: "HerdLoad",
            dependencies: [
                "CPrecisePoll", "HerdMessages", "HerdFrames", "HerdJSON",
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ]),
        .executableTarget(
            name: "herd-load",
            dependencies: [
                "HerdLoad",
                .product(name: "ArgumentParser", package: "swift-argument-parser", condition: server),
                .product(name: "UnixSignals", package: "swift-service-lifecycle", condition: server),
            ]),
        .executableTarget(
            name: "herdd",
            dependencies: [
                "HerdServices",
                .product(name: "ArgumentParser", package: "swift-argument-parser", condition: server),
            ]),
        .executableTarget(
            name: "herdctl",
            dependencies: [
                "HerdCommands",
                .product(name: "ArgumentParser", package: "swift-argument-parser", condition: server),
            ]),

        // MARK: - Tests
        .testTarget(
            name: "HerdPredictionTests", dependencies: ["HerdPrediction", "CVectors"], exclude: ["Embedding/Golden"]),
        .executableTarget(
            name: "prediction-speed", dependencies: ["HerdPrediction", "CVectors"], path: "Tests/Speed/Prediction"),
        .target(
            name: "PlantedGains", dependencies: ["HerdDatasets", "HerdPrediction"], path: "Tests/Support/PlantedGains"),
        .testTarget(name: "HerdDatasetsTests", dependencies: ["HerdDatasets", "HerdPrediction", "PlantedGains"]),
        .testTarget(name: "HerdPolicyTests", dependencies: ["HerdPolicy"]),
        .testTarget(
            name: "HerdStoreTests",
            dependencies: ["HerdStore", "CLMDB", "store-torture", .product(name: "Logging", package: "swift-log")],
            exclude: ["Torture", "Preload"]),
        .executableTarget(
            name: "store-torture",
            dependencies: ["HerdStore", "CLMDB", .product(name: "Logging", package: "swift-log")],
            path: "Tests/HerdStoreTests/Torture"),
        .target(
            name: "RandomMessages", dependencies: ["HerdMessages", "CMessages"], path: "Tests/Support/RandomMessages"),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "HerdFrames", "HerdMessages", "HerdTransport", "HerdBackends", "HerdDatasets", "HerdServer",
                "HerdServices", "HerdPrediction", "HerdPolicy", "HerdReflection", "HerdJSON", "CMessages", "CZlib",
                "CScratchMessages", "RandomMessages",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ], path: "Tests/Fuzz/Targets"),
        .executableTarget(name: "herd-fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Driver"),
        .testTarget(name: "FuzzReplayTests", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/ReplayTests"),
        .target(name: "CScratchMessages", dependencies: ["CProtobufC"], path: "Tests/Support/CScratchMessages"),
        .testTarget(
            name: "HerdMessagesTests",
            dependencies: ["HerdMessages", "CMessages", "CScratchMessages", "RandomMessages"],
            exclude: ["Scratch/scratch.proto"]),
        .testTarget(name: "HerdJSONTests", dependencies: ["HerdJSON"]),
        .testTarget(
            name: "HerdBackendsTests",
            dependencies: [
                "HerdBackends", "HerdJSON", "HerdServer", "HerdServices",
                .product(name: "Logging", package: "swift-log"), .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        .testTarget(
            name: "HerdReflectionTests",
            dependencies: [
                "HerdReflection", "HerdJSON", "HerdMessages", "CMessages", "CScratchMessages", "RandomMessages",
            ]),
        .testTarget(name: "HerdFramesTests", dependencies: ["HerdFrames"]),
        .testTarget(
            name: "HerdTransportTests",
            dependencies: [
                "HerdTransport", "HerdFrames",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ]),
        .testTarget(
            name: "HerdServerTests",
            dependencies: [
                "HerdServer", "HerdTransport", "HerdFrames", "HerdMessages",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "HerdClientTests",
            dependencies: [
                "HerdClient", "HerdServer", "HerdTransport", "HerdFrames", "HerdMessages",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: server),
            ]),
        .testTarget(
            name: "HerdServicesTests",
            dependencies: [
                "HerdServices", "HerdServer", "HerdClient", "HerdStore", "HerdBackends", "HerdPolicy",
                "HerdPrediction", "HerdDatasets", "HerdMessages", "HerdFrames",
                "PlantedGains", "RandomMessages",
                .product(name: "Logging", package: "swift-log"),
            ], exclude: ["Fixtures"]),
        .testTarget(
            name: "HerdCommandsTests",
            dependencies: [
                "HerdCommands", "HerdReflection", "HerdJSON", "HerdMessages", "HerdPrediction",
                .product(name: "ArgumentParser", package: "swift-argument-parser", condition: server),
            ]),
        .testTarget(
            name: "HerdLoadTests",
            dependencies: [
                "HerdLoad", "HerdServer", "HerdTransport", "HerdFrames", "HerdMessages",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(name: "RepositoryTests"),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "HerdClient", "HerdMessages", "HerdFrames", "HerdDatasets", "PlantedGains",
                .product(name: "Yams", package: "Yams", condition: server),
            ]),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system && !target.name.hasPrefix("C") {
    var settings = target.swiftSettings ?? []
    settings += [
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
    target.swiftSettings = settings
}
