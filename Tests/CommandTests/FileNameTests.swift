import Foundation
import Testing

/// File names are bytes: those that are not UTF-8 are opened and written as they are.
@Suite struct FileNameTests {
    /// Runs a script in which `$echelon` is the command and `$name` a name that is not UTF-8.
    private func run(_ script: String, in folder: TemporaryFolder) throws -> CommandRun {
        let setup =
            "set -e; echelon='\(try EchelonCommand.executable().path)'; name=$(printf 'x\\377y'); cd '\(folder.path)'\n"
        return try EchelonCommand.run(["-c", setup + script], executable: URL(filePath: "/bin/sh"))
    }

    @Test func `plans, checkpoints, links and outputs may have such names`() throws {
        let folder = try TemporaryFolder()
        _ = try run(
            """
            cp -r '\(TestModels.odd)' "$name"
            "$echelon" compile "$name" -o "$name.plan"
            ln -s "$name.plan" "$name.link"
            "$echelon" inspect "$name.link" -o "$name.html"
            "$echelon" logits "$name.plan" --tokens 1,2 --recurrence 1 --threads 1 -o "$name.safetensors"
            "$echelon" generate "$name" --tokens 1,2 --max-new-tokens 1 --threads 1 --trace "$name.json"
            for ending in plan html safetensors json; do test -s "$name.$ending"; done
            """, in: folder
        ).succeeded()
        #expect(
            try run("ls | wc -l", in: folder).succeeded().text.trimmingCharacters(in: .whitespacesAndNewlines) == "6")
    }

    @Test func `a missing one is named as it can be read`() throws {
        let folder = try TemporaryFolder()
        try run("\"$echelon\" inspect \"$name.plan\"", in: folder).expectRefusal("x\u{FFFD}y.plan")
    }

    @Test func `a prompt keeps the characters that stand for bytes in names`() throws {
        let folder = try TemporaryFolder()
        let script = """
            cp '\(TestModels.wordmath)/tokenizer.json' "$name.json"
            "$echelon" tokenize "$name.json" "$(printf 'a\\364\\217\\277\\275')"
            printf 'a\\364\\217\\277\\275' | "$echelon" tokenize "$name.json"
            """
        let lines = try run(script, in: folder).succeeded().text.split(separator: "\n")
        #expect(lines.count == 2 && lines.first == lines.last)
    }
}
