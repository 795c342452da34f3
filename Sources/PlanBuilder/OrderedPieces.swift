import Foundation

/// Pieces of a stream that are made on several threads at once and handed on one at a time, in order.
///
/// Each worker takes the next piece, makes it in memory of its own, and waits for its turn to hand it on. So there are
/// never more pieces than workers, however long the stream is. The worker with the earliest piece never waits for another,
/// so any number of threads makes progress, including one.
struct OrderedPieces {
    let count: Int
    let workers: Int

    /// - Parameters:
    ///   - memory: makes the memory of one worker, which it uses for all its pieces.
    ///   - make: makes a piece in a worker's memory. Called from several threads at once.
    ///   - deliver: hands on a piece. Called from any thread, but by one at a time, with pieces in order.
    /// - Throws: the first error that `make` or `deliver` throws. Nothing is delivered after that.
    func run<Memory>(
        memory: @Sendable () -> Memory, make: @Sendable (_ piece: Int, Memory) throws -> Void,
        deliver: (Memory) throws -> Void
    ) throws {
        let queue = Queue(count: count)
        withoutActuallyEscaping(deliver) { deliver in
            // Unsafe only by type: the queue lets one worker at a time come to its turn.
            nonisolated(unsafe) let deliver = deliver
            DispatchQueue.concurrentPerform(iterations: max(1, min(workers, count))) { _ in
                let memory = memory()
                while let piece = queue.take() {
                    do {
                        try make(piece, memory)
                        guard queue.waitForTurn(of: piece) else { return }
                        try deliver(memory)
                        queue.endTurn()
                    } catch {
                        queue.fail(error)
                    }
                }
            }
        }
        if let failure = queue.failure { throw failure }
    }

    /// Hands out the pieces to workers and keeps their order.
    // Unchecked: everything mutable is used under `condition`.
    private final class Queue: @unchecked Sendable {
        private let condition = NSCondition()
        private let count: Int
        private var taken = 0
        private var delivered = 0
        private var error: (any Error)?

        init(count: Int) { self.count = count }

        private func locked<Result>(_ body: () -> Result) -> Result {
            condition.lock()
            defer { condition.unlock() }
            return body()
        }

        var failure: (any Error)? { locked { error } }

        /// The next piece to make; nil if all are taken, or after a failure.
        func take() -> Int? {
            locked {
                guard error == nil, taken < count else { return nil }
                taken += 1
                return taken - 1
            }
        }

        /// - Returns: false if the turn will never come, because something failed.
        func waitForTurn(of piece: Int) -> Bool {
            locked {
                while error == nil, delivered != piece { condition.wait() }
                return error == nil
            }
        }

        func endTurn() {
            locked {
                delivered += 1
                condition.broadcast()
            }
        }

        func fail(_ error: any Error) {
            locked {
                self.error = self.error ?? error
                condition.broadcast()
            }
        }
    }
}
