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
  Task<StatusOr<std::vector<std::string>>> List() override;

 private:
  std::map<std::string, Versioned> registers_;
  async::Event changed_;
};

}  // namespace vlog::metastore

#endif  // VLOG_METASTORE_MEMORY_MEMORY_METASTORE_H_
