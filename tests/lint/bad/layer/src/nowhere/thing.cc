// BAD: the folder has no line in layers.txt.
#include "base/ids.h"
