// The log in a program without an event loop: blocking calls and futures, from any thread.
#include <cstdio>

#include "embedded/blocking_log.h"

int main(int argc, char** argv) {
  auto log = vlog::embedded::BlockingLog::Open(argc > 1 ? argv[1] : "example-log");
  if (!log.ok()) {
    std::fprintf(stderr, "%s\n", log.status().ToString().c_str());
    return 1;
  }
  auto first = (*log)->AppendAsync("hello");  // many may be on their way
  auto second = (*log)->AppendAsync("world");
  vlog::StatusOr<vlog::Lsn> lsn = first.get();  // durable from here on
  if (!lsn.ok() || !second.get().ok()) return 1;

  vlog::Status swapped = (*log)->Reconfigure("", "a new segment, under the running log");
  auto read = (*log)->Read(*lsn);
  if (!swapped.ok() || !read.ok()) return 1;
  for (const vlog::embedded::LogRecord& record : read->records) {
    std::printf("%d %s\n", static_cast<int>(record.lsn.value()), record.payload.c_str());
  }
  return (*log)->Close().ok() ? 0 : 1;
}
