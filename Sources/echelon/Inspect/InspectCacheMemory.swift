import Inspection
import Plans
import Runtime

extension InspectedCacheMemory {
    /// The memory of a plan's caches in each format, the default one first, with one entry for each position and with one
    /// for each recurrence.
    static func all(of plan: Plan) -> [InspectedCacheMemory] {
        let (schedule, usual) = (plan.contents.schedule, CacheFormat(for: plan.contents.schedule))
        let formats = [usual] + CacheFormat.allCases.filter { $0 != usual }
        let budgets = Set([1, max(1, plan.contents.settings.recurrence)]).sorted()
        return formats.flatMap { format in
            budgets.map { budget in
                InspectedCacheMemory(
                    format: format.rawValue, isDefault: format == usual, budget: budget,
                    bytesPerPosition: CacheMemory(of: schedule, format: format, budget: budget).bytesPerPosition)
            }
        }
    }
}
