import Foundation

/// The folders of this repository that tests read from.
///
/// They are found from where this file was when it was compiled, so tests need no working directory.
public enum Repository {
    public static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The recorded data of an independent implementation; its README says how it was made.
    public static let golden = root.appending(path: "Tests/Golden")

    /// The word-problem checkpoint that is embedded in the command.
    public static let wordmath = root.appending(path: "Tools/wordmath/checkpoint")
}
