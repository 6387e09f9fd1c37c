#include "env/env.h"  // BAD
#include "async/task.h"  // BAD

void F(Clock& clock) { last_ = clock.Now(); }  // BAD
