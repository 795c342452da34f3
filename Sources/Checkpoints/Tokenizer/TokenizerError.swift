import Failures

/// A tokenizer cannot be read, or cannot encode or decode its input.
public typealias TokenizerError = Failure<Tokenizer>
