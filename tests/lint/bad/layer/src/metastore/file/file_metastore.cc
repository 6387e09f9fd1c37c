#include "loglets/loglet.h"  // BAD
