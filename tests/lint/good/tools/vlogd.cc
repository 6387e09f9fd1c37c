#include "env/real/real_env.h"
#include "options.h"

int main() { return open("x") + time(nullptr); }
