/// A line on standard error that shows the progress of long work. It is shown only on a terminal.
struct ProgressLine {
    let label: String
    private var lastShown = ContinuousClock.now - .seconds(1)
    private let isShown = Terminal.showsProgress

    init(_ label: String) { self.label = label }

    mutating func show(_ text: @autoclosure () -> String) {
        guard isShown, ContinuousClock.now - lastShown > .milliseconds(100) else { return }
        lastShown = .now
        Terminal.remark("\r\u{1B}[K\(label): \(text())")
    }

    /// Shows how many of `total` bytes are done.
    mutating func show(_ done: Int, of total: Int) {
        show("\(done * 100 / max(total, 1))% of \(megabytes(total))")
    }

    func clear() {
        if isShown { Terminal.remark("\r\u{1B}[K") }
    }
}
