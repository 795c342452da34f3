import Foundation
import RepositoryFiles
import Testing

/// The checkpoints of the repository, and their plans, each compiled once by the command itself.
enum TestModels {
    static let repository = Repository.root
    static let golden = Repository.golden

    /// The embedded checkpoint, which solves word problems.
    static let wordmath = Repository.wordmath.path
    /// A random checkpoint without a tokenizer.
    static let micro = golden.appending(path: "micro").path
    /// A small random checkpoint of odd sizes without a tokenizer.
    static let odd = golden.appending(path: "odd").path

    static var wordmathPlan: String { get throws { try wordmathResult.get() } }
    static var wordmathBF16Plan: String { get throws { try wordmathBF16Result.get() } }
    static var microPlan: String { get throws { try microResult.get() } }
    static var oddPlan: String { get throws { try oddResult.get() } }

    /// The problems that the checkpoint was not trained on.
    static func testQuestions(_ count: Int) throws -> [String] {
        struct Problem: Decodable { var question: String }
        let lines = try String(contentsOf: repository.appending(path: "Tools/wordmath/test.jsonl"), encoding: .utf8)
        return try lines.split(separator: "\n").prefix(count).map {
            try JSONDecoder().decode(Problem.self, from: Data($0.utf8)).question
        }
    }

    private static let wordmathResult = compiled(wordmath, "wordmath.plan")
    private static let wordmathBF16Result = compiled(wordmath, "wordmath-bf16.plan", "--weights", "bf16")
    private static let microResult = compiled(micro, "micro.plan")
    private static let oddResult = compiled(odd, "odd.plan")

    /// The folder exists as long as the process, because nothing else would remove it.
    private static let folder: Result<TemporaryFolder, any Error> = Result {
        let folder = try TemporaryFolder()
        atexit { try? TestModels.folder.get().remove() }
        return folder
    }

    private static func compiled(_ checkpoint: String, _ name: String, _ options: String...) -> Result<
        String, any Error
    > {
        Result {
            let plan = try folder.get().file(name)
            _ = try EchelonCommand.run(["compile", checkpoint, "-o", plan] + options).succeeded()
            return plan
        }
    }
}
