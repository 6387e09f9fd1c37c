#include "unknown/x.h"  // BAD
