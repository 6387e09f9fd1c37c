#ifndef VLOG_VIRTUALLOG_APPENDER_H_
#define VLOG_VIRTUALLOG_APPENDER_H_

#include "loglets/loglet.h"

namespace vlog::virtuallog {

class Appender {
 public:
  Task<Status> F(std::string name, Foo& foo);
  Task<int> Count(std::vector<int> numbers = {1, 2});

 private:
  absl::flat_hash_map<int, int> table_;
  std::map<int, int> sorted_;
  std::vector<absl::flat_hash_map<int, int>> several_;
};

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_APPENDER_H_
