#include <thread>

#include "benchmark/benchmark.h"
#include "embedded/open.h"

std::thread thread;
