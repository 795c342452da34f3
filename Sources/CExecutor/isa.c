#include "CExecutor.h"
