import Failures

/// A failure of a command.
typealias CommandError = Failure<Echelon>
