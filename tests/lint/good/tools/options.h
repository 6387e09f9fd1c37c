#include "server/node.h"
