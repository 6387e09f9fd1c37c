#include "env/real/real_env.h"  // lint: allow(layer): shows that a reason silences a finding

// lint: the words alone are no allow comment.
