import Checkpoints
import PlanBuilder
import Compiler
import IR
import Plans
let c = try Checkpoint(folder: CommandLine.arguments[1])
let k = try CheckpointCompiler(c, CompilationSettings(weights: CommandLine.arguments.count > 2 ? .bf16 : .f32, recurrence: 2, innerRecurrence: 2))
let m = try k.lower { pass, module in print(pass.name, module.functions.map { f in var n = 0; f.forEachOperation { _, _ in n += 1 }; return "\(f.name): \(n)" }) }
print(m.function("step.r2")!)
let s = try schedule(m, specializations: k.options.specializations)
for f in s.functions { print(f.name, f.unrolled as Any, f.instructions.count, f.instructions.filter(\.barrier).count, f.arenaBytesPerRow, f.unplannedBytesPerRow) }
