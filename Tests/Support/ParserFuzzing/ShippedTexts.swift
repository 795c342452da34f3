import Architectures
import Compiler
import IR
import NumberFormats

/// The texts that the parser reads in practice: the functions of the architecture, at every stage and in every format.
public enum ShippedTexts {
    /// One block in each group, and a token id or two: as many kinds of lines as a large model has, and few of each.
    private static let configuration = """
        {"model_type": "huginn_raven", "n_embd": 8, "n_heads": 2, "intermediate_size": 12, "n_layers_in_prelude": 1,
         "n_layers_in_recurrent_block": 1, "n_layers_in_coda": 1, "mean_recurrence": 2, "vocab_size": 16, "block_size": 32,
         "norm_eps": 1e-06, "rope_base": 50000.0, "qk_bias": true, "bias": false, "tie_embeddings": false,
         "injection_type": "linear", "block_class_name": "SandwichBlock", "mlp_class_name": "GatedMLP",
         "nonlin_name": "SiLU", "norm_class_name": "RMSNorm_llama"}
        """

    /// A module for each stage, format and function, every text once.
    /// - Throws: what compiling throws.
    public static func all() throws -> [String] {
        let source = try ArchitectureRegistry.architecture(json: configuration, name: "a small configuration")
            .module(context: 32)
        var texts: Set<String> = []
        for element in ElementType.weightFormats {
            let copies = [Specialization("decode", recurrences: 2), Specialization("step", recurrences: 3)]
            _ = try Pipeline(CompilerOptions(weights: element, specializations: copies)).run(source) {
                _, module in
                for function in module.functions {
                    var alone = module
                    alone.functions = [function]
                    texts.insert(try DropDeadCode().run(alone).description)
                }
            }
        }
        return texts.sorted()
    }
}
