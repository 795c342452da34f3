#include "CEmbeddedCheckpoint.h"

// The loader maps tensors in place, so the weights file starts where a mapped file would: aligned.
_Alignas(64) static const unsigned char weights[] = {
#embed "../../Tools/wordmath/checkpoint/model.safetensors"
};
static const unsigned char config[] = {
#embed "../../Tools/wordmath/checkpoint/config.json"
};
static const unsigned char generation_config[] = {
#embed "../../Tools/wordmath/checkpoint/generation_config.json"
};
static const unsigned char tokenizer[] = {
#embed "../../Tools/wordmath/checkpoint/tokenizer.json"
};
static const unsigned char tokenizer_config[] = {
#embed "../../Tools/wordmath/checkpoint/tokenizer_config.json"
};

static const ech_embedded_file files[] = {
    {"model.safetensors", weights, sizeof weights},
    {"config.json", config, sizeof config},
    {"generation_config.json", generation_config, sizeof generation_config},
    {"tokenizer.json", tokenizer, sizeof tokenizer},
    {"tokenizer_config.json", tokenizer_config, sizeof tokenizer_config},
};

const ech_embedded_file *ech_embedded_checkpoint(size_t *count) {
    *count = sizeof files / sizeof files[0];
    return files;
}
