#include "CInspectionPage.h"

static const unsigned char index_html[] = {
#embed "page/index.html"
};
static const unsigned char style_css[] = {
#embed "page/style.css"
};
static const unsigned char model_js[] = {
#embed "page/model.js"
};
static const unsigned char layout_js[] = {
#embed "page/layout.js"
};
static const unsigned char folding_js[] = {
#embed "page/folding.js"
};
static const unsigned char graph_js[] = {
#embed "page/graph.js"
};
static const unsigned char details_js[] = {
#embed "page/details.js"
};
static const unsigned char tape_js[] = {
#embed "page/tape.js"
};
static const unsigned char memory_js[] = {
#embed "page/memory.js"
};
static const unsigned char passes_js[] = {
#embed "page/passes.js"
};
static const unsigned char main_js[] = {
#embed "page/main.js"
};

static const ech_page_file files[] = {
    {"index.html", index_html, sizeof index_html}, {"style.css", style_css, sizeof style_css},
    {"model.js", model_js, sizeof model_js},       {"layout.js", layout_js, sizeof layout_js},
    {"folding.js", folding_js, sizeof folding_js}, {"graph.js", graph_js, sizeof graph_js},
    {"details.js", details_js, sizeof details_js}, {"tape.js", tape_js, sizeof tape_js},
    {"memory.js", memory_js, sizeof memory_js},    {"passes.js", passes_js, sizeof passes_js},
    {"main.js", main_js, sizeof main_js},
};

const ech_page_file *ech_inspection_page(size_t *count) {
    *count = sizeof files / sizeof files[0];
    return files;
}
