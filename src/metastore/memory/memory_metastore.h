// The reference metastore: everything in memory. The oracle of the contract suite.
#ifndef VLOG_METASTORE_MEMORY_MEMORY_METASTORE_H_
#define VLOG_METASTORE_MEMORY_MEMORY_METASTORE_H_

#include <map>

#include "async/event.h"
#include "metastore/metastore.h"

namespace vlog::metastore {

class MemoryMetastore final : public Metastore {
 public:
  explicit MemoryMetastore(async::Scheduler& scheduler) : changed_(scheduler) {}
  Task<StatusOr<Versioned>> Read(std::string log) override;
  Task<StatusOr<Version>> Write(std::string log, std::string value, Version expected) override;
  Task<StatusOr<Version>> AwaitChange(std::string log, Version known, Instant deadline) override;
  void EndWaits(const std::string& log) override;
  Task<StatusOr<std::vector<std::string>>> List() override;

 private:
  std::map<std::string, Versioned> registers_;
  std::map<std::string, uint64_t> ends_;  // how often the waits of a log were ended
  async::Event changed_;
};

}  // namespace vlog::metastore

#endif  // VLOG_METASTORE_MEMORY_MEMORY_METASTORE_H_
