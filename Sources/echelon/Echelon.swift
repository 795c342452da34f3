import ArgumentParser

@main
struct Echelon: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "echelon")
}
