// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// The folder that holds LLVM's OpenMP library. Debian keeps it in the versioned LLVM folder, which no linker
/// searches by itself, so look for the newest one. `ECHELON_OPENMP_LIBRARY_DIR` overrides the search.
func openMPLibraryFolder() -> String? {
    let environment = ProcessInfo.processInfo.environment
    if let folder = environment["ECHELON_OPENMP_LIBRARY_DIR"] { return folder }
    let root = "/usr/lib"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    let folders = names.filter { $0.hasPrefix("llvm-") }
        .sorted { (Int($0.dropFirst(5)) ?? 0) > (Int($1.dropFirst(5)) ?? 0) }
        .map { "\(root)/\($0)/lib" }
    return folders.first { FileManager.default.fileExists(atPath: "\($0)/libomp.so") }
}

let openMPFlags = openMPLibraryFolder().map { ["-L\($0)"] } ?? []

let package = Package(
    name: "echelon",
    products: [
        .executable(name: "echelon", targets: ["echelon"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
    ],
    targets: [
        // The errors of the project, which are described by a sentence.
        .target(name: "Failures"),

        // The formats of numbers: their names, layouts, rounding and packing.
        .target(name: "NumberFormats"),

        // The tensor IR and its interpreter. It depends on no model and no machine.
        .target(name: "IR", dependencies: ["Failures", "NumberFormats"], path: "IR"),

        // The files of a checkpoint folder.
        .target(name: "Safetensors", dependencies: ["Failures"]),
        .systemLibrary(
            name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        .target(
            name: "Checkpoints",
            dependencies: [
                "Failures", "Safetensors", "CPCRE2", .product(name: "HeapModule", package: "swift-collections"),
            ]),
        .target(
            name: "CEmbeddedCheckpoint",
            cSettings: [.unsafeFlags(["-Wno-c23-extensions"])]),

        // The path from an architecture to a plan.
        .target(name: "Plans", dependencies: ["Failures", "IR", "NumberFormats", "Safetensors"]),
        .target(name: "Architectures", dependencies: ["Failures", "IR", "Checkpoints", "Plans"]),
        .target(name: "Compiler", dependencies: ["Failures", "IR", "NumberFormats", "Plans"]),

        .target(
            name: "PlanBuilder",
            dependencies: ["IR", "Checkpoints", "Architectures", "Compiler", "NumberFormats", "Plans"]),

        // The description of what the compiler did, for people.
        .target(
            name: "CInspectionPage",
            exclude: ["page"],
            cSettings: [.unsafeFlags(["-Wno-c23-extensions"])]),
        .target(
            name: "Inspection",
            dependencies: ["Failures", "IR", "Compiler", "NumberFormats", "Plans", "PlanBuilder", "CInspectionPage"]),

        // The path from a plan to tokens. `unsafeFlags` stay in the C targets, because OpenMP and silencing the warning
        // about #embed (C23) cannot be written otherwise in SwiftPM.
        .target(
            name: "CExecutor",
            cSettings: [
                .headerSearchPath("."),
                .unsafeFlags(["-fopenmp", "-O3", "-ffp-contract=off", "-fno-math-errno"]),
            ],
            linkerSettings: [
                .linkedLibrary("omp"), .linkedLibrary("m"),
                .unsafeFlags(openMPFlags),
            ]),
        .target(name: "Runtime", dependencies: ["Failures", "NumberFormats", "Plans", "CExecutor"]),
        .target(name: "Samplers", dependencies: ["Failures", "Runtime"]),

        // The JSON that commands print, shared by the commands and their tests.
        .target(
            name: "Reports",
            dependencies: [
                "IR", "NumberFormats", "Compiler", "Inspection", "Plans", "Runtime", "Safetensors", "Samplers",
            ]),

        .executableTarget(
            name: "echelon",
            dependencies: [
                "Failures", "IR", "NumberFormats", "Safetensors", "Checkpoints", "CEmbeddedCheckpoint", "Architectures",
                "Compiler",
                "Plans", "PlanBuilder", "Inspection", "Runtime", "Samplers", "Reports",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        // The support code that test targets share. RepositoryFiles finds the folders of this repository.
        .target(name: "RepositoryFiles", path: "Tests/Support/RepositoryFiles"),
        // Random verified modules for the property tests of the IR and the compiler.
        .target(
            name: "RandomGraphs", dependencies: ["IR", "NumberFormats"], path: "Tests/Support/RandomGraphs"),
        // The recorded runs of an independent implementation.
        .target(
            name: "GoldenRuns", dependencies: ["Samplers", "RepositoryFiles"], path: "Tests/Support/GoldenRuns"),
        // Damaged module texts for the parser, used by the tests and by a program for longer runs.
        .target(
            name: "ParserFuzzing",
            dependencies: ["IR", "NumberFormats", "Compiler", "Architectures", "Checkpoints", "RandomGraphs"],
            path: "Tests/Support/ParserFuzzing"),
        .executableTarget(
            name: "fuzz-parser",
            dependencies: [
                "ParserFuzzing", "Compiler", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tools/fuzz-parser"),
        .testTarget(name: "NumberFormatsTests", dependencies: ["NumberFormats", "CExecutor", "Plans", "RandomGraphs"]),
        .testTarget(name: "IRTests", dependencies: ["IR", "NumberFormats", "RandomGraphs", "ParserFuzzing"]),
        .testTarget(name: "SafetensorsTests", dependencies: ["Safetensors", "RepositoryFiles"]),
        .testTarget(
            name: "CheckpointsTests", dependencies: ["Checkpoints", "Safetensors", "RepositoryFiles"],
            exclude: ["Fixtures"]),
        .testTarget(
            name: "ArchitecturesTests",
            dependencies: [
                "Architectures", "Compiler", "IR", "NumberFormats", "Checkpoints", "GoldenRuns", "ParserFuzzing",
                "PlanBuilder", "Plans", "RandomGraphs", "RepositoryFiles", "Runtime", "Safetensors",
            ]),
        .testTarget(
            name: "CompilerTests",
            dependencies: ["Compiler", "IR", "NumberFormats", "Plans", "RandomGraphs", "RepositoryFiles"]),
        .testTarget(name: "PlansTests", dependencies: ["NumberFormats", "Plans", "RandomGraphs", "Safetensors"]),
        .testTarget(
            name: "InspectionTests",
            dependencies: ["Inspection", "PlanBuilder", "Compiler", "Checkpoints", "Plans", "RepositoryFiles"]),
        .testTarget(
            name: "RuntimeTests",
            dependencies: [
                "Runtime", "Samplers", "PlanBuilder", "Compiler", "Architectures", "Checkpoints", "Safetensors",
                "NumberFormats", "Plans", "IR", "GoldenRuns", "RepositoryFiles",
            ]),
        .testTarget(name: "SamplersTests", dependencies: ["Samplers", "GoldenRuns", "RepositoryFiles"]),
        .testTarget(
            name: "CommandTests",
            dependencies: ["Safetensors", "Samplers", "Inspection", "Reports", "GoldenRuns", "RepositoryFiles"],
            exclude: ["Help"]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c11
)
