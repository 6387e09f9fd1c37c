#include "metastore/memory/memory_metastore.h"

namespace vlog::metastore {

Task<StatusOr<Versioned>> MemoryMetastore::Read(std::string log) {
  auto it = registers_.find(log);
  if (it == registers_.end()) co_return absl::NotFoundError("there is no log '" + log + "'");
  co_return it->second;
}

Task<StatusOr<Version>> MemoryMetastore::Write(std::string log, std::string value,
                                               Version expected) {
  auto it = registers_.find(log);
  Version current = it == registers_.end() ? Version() : it->second.version;
  if (current != expected) {
    co_return absl::AbortedError(
        absl::StrCat("the chain is at version ", current.value(), ", not ", expected.value()));
  }
  Version next(expected.value() + 1);
  registers_[log] = {next, std::move(value)};
  changed_.NotifyAll();
  co_return next;
}

Task<StatusOr<Version>> MemoryMetastore::AwaitChange(std::string log, Version known,
                                                     Instant deadline) {
  uint64_t ends = ends_[log];
  for (;;) {
    auto it = registers_.find(log);
    if (it != registers_.end() && it->second.version > known) co_return it->second.version;
    if (ends_[log] != ends) co_return absl::DeadlineExceededError("the wait was ended");
    Status waited = co_await changed_.Wait(deadline);
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
}

void MemoryMetastore::EndWaits(const std::string& log) {
  ++ends_[log];
  changed_.NotifyAll();
}

Task<StatusOr<std::vector<std::string>>> MemoryMetastore::List() {
  std::vector<std::string> names;
  for (const auto& [name, value] : registers_) names.push_back(name);
  co_return names;
}

}  // namespace vlog::metastore
