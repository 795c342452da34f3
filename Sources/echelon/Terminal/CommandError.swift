import ArgumentParser
import Failures

/// A failure of a command.
typealias CommandError = Failure<Echelon>

/// A mistake in the command line that shows only once the model is known. Like the mistakes that ``ValidationError``
/// reports, it ends the command with status 64.
typealias UsageError = Failure<any ParsableArguments>
