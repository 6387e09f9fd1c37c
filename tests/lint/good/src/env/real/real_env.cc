#include <boost/asio.hpp>
#include <fstream>
#include <mutex>
#include <thread>

#include "env/env.h"

namespace vlog::env {

std::mutex mutex;
std::thread thread;
thread_local int counter = 0;
auto Start() { return std::chrono::steady_clock::now(); }
int Open() { return ::open(getenv("X"), 0); }

}  // namespace vlog::env
