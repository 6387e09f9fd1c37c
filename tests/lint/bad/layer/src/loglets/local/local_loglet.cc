#include "rpc/frame.h"  // BAD
