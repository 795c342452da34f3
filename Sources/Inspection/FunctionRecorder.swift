import Compiler
import IR
import PlanBuilder
import Plans

/// A recorder of one function's stages. It gives equal values and equal operations the same number.
struct FunctionRecorder {
    private(set) var symbols: SymbolTable
    private let scheduled: ScheduledFunction
    private var values: [InspectedValue] = []
    private var valueNumbers: [Value: Int] = [:]
    private var operations: [InspectedOperation] = []
    /// The numbers of the operations. The keys are operations without their bodies.
    private var operationNumbers: [Operation: Int] = [:]
    private var costs: [OperationCost] = []
    private var costNumbers: [OperationCost: Int] = [:]
    private var shapes: [Shape: Int] = [:]

    /// The properties that corresponding operations of different recurrences have in common.
    private struct Shape: Hashable {
        var opcode: Opcode
        var symbols: [String]
        var attributes: [String: Attribute]
        var results: [TensorType]
    }

    init(_ scheduled: ScheduledFunction, symbols: SymbolTable) {
        self.scheduled = scheduled
        self.symbols = symbols
    }

    mutating func record(
        _ record: LoweringRecord, compiler: ModelCompiler, schedule: Schedule
    ) throws -> InspectedFunction {
        let label = scheduled.label
        let recurrences =
            scheduled.unrolled
            ?? compiler.options.specializations.first { $0.function == scheduled.name }?.recurrences
            ?? compiler.settings.recurrence
        var measure = StageMeasure(recurrences: recurrences)
        var stages: [InspectedStage] = []
        for (number, stage) in record.stages.enumerated() {
            guard let function = stage.module.function(label) else { continue }
            let weights = Dictionary(
                stage.module.weights.compactMap { weight in
                    ScheduledWeight(inspecting: weight).map { (weight.name, $0) }
                }, uniquingKeysWith: { first, _ in first })
            var inspected = self.stage(number, function, in: stage.module, weights)
            inspected.totals = measure.totals(of: function, in: stage.module, weights: weights)
            if let before = stages.last {
                let trace = PassTrace(from: before, to: inspected, operations: operations, values: values)
                inspected.added = trace.added
                inspected.removed = trace.removed
                inspected.moved = trace.moved
                inspected.became = trace.became
            }
            stages.append(inspected)
        }
        guard let first = stages.first, let last = stages.last, let lowered = record.lowered.function(label) else {
            throw InspectionError(
                "The plan has a function \(label) that its passes do not give. It was compiled by another version of "
                    + "echelon: compile it again.")
        }
        let tape = try TapeRecorder(scheduled, last, operations).instructions
        let parameters = lowered.parameters.map { number(of: $0) }
        return InspectedFunction(
            name: scheduled.name, unrolled: scheduled.unrolled, label: label, recurrences: recurrences,
            instructions: scheduled.instructions.count, barriers: scheduled.instructions.filter(\.barrier).count,
            arenaBytesPerRow: scheduled.arenaBytesPerRow, unplannedBytesPerRow: scheduled.unplannedBytesPerRow,
            values: values, parameters: parameters, operations: operations, costs: costs, stages: stages,
            fates: Self.fates(of: first.inOrder, through: stages), tape: tape, memory: scheduled.inspectedMemory)
    }

    // MARK: Graphs

    private mutating func stage(
        _ stage: Int, _ function: Function, in module: Module, _ weights: [String: ScheduledWeight]
    ) -> InspectedStage {
        var loops: [InspectedLoop] = []
        var shapes: [Int] = []
        let outer = function.operations.map { operation in
            let number = self.number(of: operation, in: module, weights)
            shapes.append(shape(of: operation))
            guard let body = operation.body else { return number }
            var count: Int?
            if case .number(let fixed) = body.count { count = fixed }
            loops.append(
                InspectedLoop(
                    operation: number, count: count, parameters: body.parameters.map { self.number(of: $0) },
                    operations: body.operations.map { self.number(of: $0, in: module, weights) },
                    yields: body.yields.map { self.number(of: $0) }))
            return number
        }
        return InspectedStage(
            stage: stage, operations: outer, loops: loops, returns: function.returns.map { number(of: $0) }, added: [],
            removed: [], moved: [], became: [], repetitions: Repetition.longest(in: shapes).map { [$0] } ?? [],
            totals: StageTotals(
                operations: 0, weightBytes: 0, valueBytesPerRow: 0, flopsPerRow: 0, flopsPerPosition: 0))
    }

    private mutating func number(of value: Value) -> Int {
        if let number = valueNumbers[value] { return number }
        valueNumbers[value] = values.count
        values.append(InspectedValue(name: value.name, type: symbols.number(of: value.type)))
        return values.count - 1
    }

    private mutating func number(
        of operation: Operation, in module: Module, _ weights: [String: ScheduledWeight]
    ) -> Int {
        var key = operation
        key.body?.operations = []
        key.body?.yields = []
        let cost = number(of: OperationCost(operation, in: module, weights: weights))
        if let number = operationNumbers[key] {
            operations[number].cost = cost
            return number
        }
        operationNumbers[key] = operations.count
        operations.append(
            InspectedOperation(
                opcode: operation.opcode.rawValue, operands: operation.operands.map { number(of: $0) },
                results: operation.results.map { number(of: $0) },
                weights: operation.symbols.compactMap { symbols.weightNumbers[$0] },
                cache: operation.symbols.lazy.compactMap { [symbols] in symbols.cacheNumbers[$0] }.first,
                attributes: operation.attributeText, cost: cost))
        return operations.count - 1
    }

    private mutating func number(of cost: OperationCost) -> Int {
        if let number = costNumbers[cost] { return number }
        costNumbers[cost] = costs.count
        costs.append(cost)
        return costs.count - 1
    }

    private mutating func shape(of operation: Operation) -> Int {
        let shape = Shape(
            opcode: operation.opcode, symbols: operation.symbols,
            attributes: operation.attributes.filter { if case .recurrence = $0.value { false } else { true } },
            results: operation.results.map(\.type))
        if let number = shapes[shape] { return number }
        shapes[shape] = shapes.count
        return shapes.count - 1
    }

    // MARK: Fates

    /// Follows the operations of the first stage through all passes.
    private static func fates(of operations: [Int], through stages: [InspectedStage]) -> [OperationFate] {
        var fates = operations.map { OperationFate(operation: $0, into: [$0]) }
        for stage in stages.dropFirst() where !stage.removed.isEmpty || !stage.became.isEmpty {
            let removed = Set(stage.removed)
            let images = Dictionary(stage.became.map { ($0.operation, $0.into) }) { first, _ in first }
            for index in fates.indices where fates[index].into.contains(where: removed.contains) {
                var seen: Set<Int> = []
                fates[index].into = fates[index].into
                    .flatMap { removed.contains($0) ? images[$0] ?? [] : [$0] }
                    .filter { seen.insert($0).inserted }
                if fates[index].into.isEmpty { fates[index].droppedBy = stage.stage }
            }
        }
        return fates
    }
}
