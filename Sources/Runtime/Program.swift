import CExecutor
import NumberFormats
import Plans

/// A function of a plan as the executor holds it: a checked copy of its tape, with pointers into the plan's weights.
final class Program {
    let handle: OpaquePointer
    /// Owns the memory that the tape's weights point into.
    private let plan: Plan
    let function: ScheduledFunction

    init(_ function: ScheduledFunction, of plan: Plan, isa: Int32) throws {
        self.function = function
        self.plan = plan
        let schedule = plan.contents.schedule
        let instructions = try function.instructions.map(Self.instruction)
        let buffers = try function.buffers.map(Self.buffer)
        let caches = try schedule.caches.map(ech_cache.init)
        let weights = try schedule.weights.map { weight in
            let bytes = try plan.unownedBytes(of: weight)
            return ech_weight(
                data: bytes.baseAddress, bytes: Int64(bytes.count),
                format: try ExecutorNumbers.number(ofFormat: weight.format),
                rows: try narrow(weight.rows), columns: try narrow(weight.columns))
        }
        let parameterCount = try narrow(function.parameters.count)
        let resultCount = try narrow(function.results.count)
        handle = try reportingErrors { message in
            ech_program_create(
                instructions, Int32(instructions.count), buffers, Int32(buffers.count), weights, Int32(weights.count),
                caches, Int32(caches.count), parameterCount, resultCount, Int64(function.arenaBytesPerRow), isa, message
            )
        }
    }

    deinit { ech_program_destroy(handle) }

    private static func buffer(_ buffer: ScheduledBuffer) throws -> ech_buffer {
        var result = ech_buffer(
            element: try ExecutorNumbers.number(ofElement: buffer.element), width: try narrow(buffer.width), storage: 0,
            index: 0, offset_per_row: 0)
        switch buffer.storage {
        case .arena(let offset):
            result.storage = Int32(ECH_ARENA.rawValue)
            result.offset_per_row = Int64(offset)
        case .parameter(let index):
            result.storage = Int32(ECH_PARAMETER.rawValue)
            result.index = try narrow(index)
        case .result(let index):
            result.storage = Int32(ECH_RESULT.rawValue)
            result.index = try narrow(index)
        }
        return result
    }

    private static func instruction(_ instruction: Instruction) throws -> ech_instruction {
        guard instruction.inputs.count <= 5, instruction.outputs.count <= 2, instruction.weights.count <= 3,
            instruction.integers.count <= 2
        else { throw RuntimeError("The plan has a malformed \(instruction.opcode.name) instruction.") }
        func operand(_ list: [Int], _ index: Int) throws -> Int32 { index < list.count ? try narrow(list[index]) : -1 }
        func constant(_ index: Int) throws -> Int32 {
            index < instruction.integers.count ? try narrow(instruction.integers[index]) : 0
        }
        let (inputs, outputs, weights) = (instruction.inputs, instruction.outputs, instruction.weights)
        return ech_instruction(
            opcode: try ExecutorNumbers.number(of: instruction.opcode), barrier: instruction.barrier ? 1 : 0,
            in: (
                try operand(inputs, 0), try operand(inputs, 1), try operand(inputs, 2), try operand(inputs, 3),
                try operand(inputs, 4)
            ),
            out: (try operand(outputs, 0), try operand(outputs, 1)),
            weight: (try operand(weights, 0), try operand(weights, 1), try operand(weights, 2)),
            cache: try instruction.cache.map(narrow) ?? -1, recurrence: try narrow(instruction.recurrence),
            i0: try constant(0), i1: try constant(1), f0: instruction.float)
    }
}

extension ech_cache {
    init(_ cache: ScheduledCache) throws {
        self.init(
            heads: try narrow(cache.heads), dim: try narrow(cache.dim), recurrent: cache.isRecurrent ? 1 : 0)
    }
}

/// A number of a plan as the executor's type, which no honest plan exceeds.
func narrow(_ value: Int) throws -> Int32 {
    guard let result = Int32(exactly: value) else {
        throw RuntimeError("The plan is damaged: it has the number \(value) where a 32-bit one belongs.")
    }
    return result
}

/// The end of a call because ``CallStop/request()`` was called.
public struct CallStopped: Error, CustomStringConvertible {
    public var description: String { "The call was stopped." }
}

/// Stopping the calls of this process, such as for Ctrl-C.
public enum CallStop {
    /// Makes every call that runs fail soon, and later ones at once, with ``CallStopped``. A signal handler may call this.
    public static func request() { ech_stop_calls() }

    /// Allows calls again.
    public static func withdraw() { ech_allow_calls() }

    static var isRequested: Bool { ech_calls_are_stopped() }
}

/// Calls a function of the executor that may write an error's sentence, and throws it when there is no result.
func reportingErrors<Result>(_ body: (UnsafeMutablePointer<CChar>) -> Result?) throws -> Result {
    let size = Int(ECH_MESSAGE_SIZE)
    return try withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { message in
        message.initialize(repeating: 0)
        guard let start = message.baseAddress, let result = body(start) else {
            let text = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw RuntimeError(String(decoding: text, as: UTF8.self))
        }
        return result
    }
}
