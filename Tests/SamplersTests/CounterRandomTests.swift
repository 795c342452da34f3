import Foundation
import Runtime
import Samplers
import Testing

@Suite struct CounterRandomTests {
    @Test func `Philox gives the known answers of its authors' test vectors`() {
        // The three philox4x32-10 vectors published with the authors' reference implementation: zeros, ones, digits of π.
        #expect(
            CounterRandom.philox(counter: SIMD4(0, 0, 0, 0), seed: 0)
                == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
        #expect(
            CounterRandom.philox(counter: SIMD4(repeating: .max), seed: .max)
                == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
        #expect(
            CounterRandom.philox(
                counter: SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), seed: 0x299f_31d0_a409_3822)
                == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
    }

    @Test func `seed, purpose, position and step each change the numbers`() {
        let base = CounterRandom(seed: 1).words(.tokenChoice, position: 2, step: 3)
        #expect(CounterRandom(seed: 1).words(.tokenChoice, position: 2, step: 3) == base)
        #expect(CounterRandom(seed: 1 << 40 | 1).words(.tokenChoice, position: 2, step: 3) != base)
        #expect(CounterRandom(seed: 1).words(.headwayToken, position: 2, step: 3) != base)
        #expect(CounterRandom(seed: 1).words(.tokenChoice, position: 3, step: 3) != base)
        #expect(CounterRandom(seed: 1).words(.tokenChoice, position: 2, step: 4) != base)
        #expect(CounterRandom(seed: 1).words(.tokenChoice, position: 2, step: 3, block: 1) != base)
    }

    @Test func `uniform numbers and whole numbers fill their ranges evenly`() {
        let random = CounterRandom(seed: 7)
        var counts = [Int](repeating: 0, count: 10)
        var sum = 0.0
        for position in 0..<20_000 {
            counts[random.integer(below: 10, .headwayToken, position: position, step: 0)] += 1
            let uniform = random.uniform(.tokenChoice, position: position, step: 0)
            #expect(uniform >= 0 && uniform < 1)
            sum += uniform
        }
        // The tolerances are four standard deviations of a binomial count and of a mean of uniforms.
        #expect(counts.allSatisfy { abs($0 - 2000) < 170 }, "\(counts)")
        #expect(abs(sum / 20_000 - 0.5) < 0.0082)
    }

    @Test func `a state's elements are truncated normals at the uniform numbers of their words`() {
        // With the width 100, a group of 16 is cut.
        let states = InitialStates(width: 100, deviation: 2 * Float(0.4).squareRoot(), seed: 9)
            .states(.stateNoise, positions: 5..<7, step: 11)
        let random = CounterRandom(seed: 9)
        let inside = erf(3 / 2.0.squareRoot())
        for position in 5..<7 {
            for element in 0..<100 {
                let group = element / 16
                let word = random.words(
                    .stateNoise, position: position, step: 11, block: UInt32(4 * group + element % 4))[
                        element % 16 / 4]
                let uniform = (Double(word >> 8) + 0.5) / 0x1p23 - 1
                let normal = Double(states.values[(position - 5) * 100 + element]) / (2 * 0.4.squareRoot())
                // The probability of (−x, x) given truncation is uniform. The tolerance is 4e-6 times the peak of the
                // density.
                #expect(abs(erf(normal / 2.0.squareRoot()) - uniform * inside) < 4e-6)
            }
        }
    }

    @Test func `initial states have the mean, the variance and the truncation of their distribution`() {
        let width = 2000
        let states = InitialStates(width: width, deviation: 1, seed: 3).states(
            .initialState, positions: 0..<20, step: 0)
        let values = states.values.map { Double($0) }
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        let variance = values.reduce(0) { $0 + $1 * $1 } / count
        // The tolerances are four standard deviations of the mean of 40,000 such numbers, and of the mean of their
        // squares.
        #expect(abs(mean) < 0.02)
        // The variance of a standard normal truncated at ±3 is 1 − 6φ(3)/erf(3/√2).
        #expect(abs(variance - 0.97334) < 0.03)
        #expect(values.allSatisfy { abs($0) <= 3.00001 })
        #expect(values.contains { $0 > 2.8 } && values.contains { $0 < -2.8 })
    }

    @Test func `a position's state does not depend on the positions drawn with it`() {
        let states = InitialStates(width: 37, deviation: 1, seed: 3)
        let together = states.states(.initialState, positions: 0..<9, step: 2)
        for position in 0..<9 {
            let alone = states.states(.initialState, positions: position..<position + 1, step: 2)
            #expect(alone == together.rows(position..<position + 1))
        }
    }

    @Test func `an init scale of 0 gives zeros`() {
        let states = InitialStates(width: 5, deviation: 0, seed: 3).states(.initialState, positions: 4..<6, step: 0)
        #expect(states == .zeros(rows: 2, width: 5))
    }
}
