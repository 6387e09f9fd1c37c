#include "testing/cluster.h"  // BAD
