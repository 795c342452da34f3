// PCRE2's 8-bit interface; the width has to be chosen before its header is read.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
