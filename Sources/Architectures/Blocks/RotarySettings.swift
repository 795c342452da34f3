import Checkpoints
import Foundation
import IR

/// The rotary embedding as a `config.json` asks for it: `rope_theta` and `rope_scaling`, or `rope_parameters` with both,
/// as newer writers have it.
struct RotarySettings: Hashable, Sendable {
    /// θ, the base.
    var base: Double
    /// The method for longer contexts; nil for none.
    var method: RotaryScaling.Method?
    /// The numbers of the method that the file gives. `length` is not among them.
    var numbers: [String: Float] = [:]
    /// The factor of turned queries and keys.
    var magnitude: Float = 1

    /// - Parameter defaultBase: the base if the file gives none; nil if it has to.
    /// - Throws: ``CheckpointError`` that names a key that is missing, of the wrong kind, or asks for an unknown method.
    init(_ document: ConfigurationDocument, defaultBase: Double?) throws {
        let parameters = try document.object("rope_parameters")
        let scaling = try parameters ?? document.object("rope_scaling")
        func base(_ document: ConfigurationDocument?) throws -> Double? {
            try document?.number("rope_theta", "a number of at least 1") { $0 >= 1 }
        }
        guard let found = try base(parameters) ?? base(document) ?? defaultBase else {
            throw document.error("rope_theta", "is missing")
        }
        self.base = found
        for place in [document, scaling].compactMap(\.self) {
            if let part = try place.number("partial_rotary_factor", "a number", { _ in true }), part != 1 {
                throw place.error("partial_rotary_factor", "is \(part), and only 1 is supported")
            }
        }
        guard let scaling, let name = try scaling.text("rope_type") ?? scaling.text("type"), name != "default" else {
            return
        }
        guard let method = RotaryScaling.Method(rawValue: name) else {
            let known = RotaryScaling.Method.allCases.map(\.rawValue).joined(separator: ", ")
            throw scaling.error(
                "rope_type", "is \"\(name)\", and only default, \(known) are supported")
        }
        self.method = method
        try read(method, scaling, document)
    }

    private mutating func read(
        _ method: RotaryScaling.Method, _ scaling: ConfigurationDocument, _ document: ConfigurationDocument
    ) throws {
        func positive(_ key: String, _ place: ConfigurationDocument) throws -> Float? {
            try place.number(key, "a number above 0") { $0 > 0 && $0 <= Double(Float.greatestFiniteMagnitude) }
                .map { Float($0) }
        }
        func required(_ key: String) throws -> Float { try scaling.required(key) { try positive($0, scaling) } }
        let factor = try required("factor")
        numbers["factor"] = factor
        if method != .linear {
            // The published code falls back on the context of the model.
            let key = "original_max_position_embeddings"
            numbers["original"] =
                try positive(key, scaling)
                ?? document.required("max_position_embeddings") { try positive($0, document) }
        }
        switch method {
        case .linear, .dynamic: break
        case .llama3:
            numbers["low"] = try required("low_freq_factor")
            numbers["high"] = try required("high_freq_factor")
            guard numbers["low", default: 0] < numbers["high", default: 0] else {
                throw scaling.error("high_freq_factor", "has to be larger than \"low_freq_factor\"")
            }
        case .yarn:
            for key in ["mscale", "mscale_all_dim"] where scaling.has(key) {
                throw scaling.error(key, "is there, and only \"attention_factor\" is supported")
            }
            if try scaling.truth("truncate") == false {
                throw scaling.error("truncate", "is false, and only true is supported")
            }
            numbers["fast"] = try positive("beta_fast", scaling) ?? 32
            numbers["slow"] = try positive("beta_slow", scaling) ?? 1
            // arXiv 2309.00071, section 3.4.
            magnitude = try positive("attention_factor", scaling) ?? (factor <= 1 ? 1 : 0.1 * log(factor) + 1)
        }
    }

    /// The embedding for sequences of up to `context` positions.
    func embedding(dimension: Int, pairsHalves: Bool, context: Int) -> RotaryEmbedding {
        var frequencies = RotaryFrequencies(base: Float(base))
        if let method {
            var numbers = numbers
            if method == .dynamic { numbers["length"] = Float(context) }
            frequencies.scaling = RotaryScaling(method, numbers)
        }
        return RotaryEmbedding(
            frequencies: frequencies, magnitude: magnitude, pairsHalves: pairsHalves, dimension: dimension)
    }
}
