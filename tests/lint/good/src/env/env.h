#ifndef VLOG_ENV_ENV_H_
#define VLOG_ENV_ENV_H_

#include "async/task.h"
#include "base/ids.h"

namespace vlog::env {

class Clock {
 public:
  virtual Instant Now() const = 0;
  virtual Task<Status> SleepUntil(Instant when) = 0;
};

// Reference-like names in the right places.
class Disk {
 public:
  virtual Task<Status> Open(std::string name, Disk& disk, const char* mode) = 0;
  virtual Task<StatusOr<std::map<int, std::vector<int>>>> List(std::vector<std::string> names) = 0;
  virtual Task<void> Visit(std::function<void(std::string_view, const Disk&)> visitor) = 0;
  virtual Task<void> Share(std::shared_ptr<const Disk> disk, const int count = 1 && 2) = 0;
  virtual Status Sync(const Disk& disk, std::string_view name, std::string&& text) = 0;
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

 private:
  Task<void> running_;
  absl::AnyInvocable<Task<void>(const Disk&)> hook_;
};

}  // namespace vlog::env

#endif  // VLOG_ENV_ENV_H_
