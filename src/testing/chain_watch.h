// Judges every step that a chain takes, as the register sees it.
#ifndef VLOG_TESTING_CHAIN_WATCH_H_
#define VLOG_TESTING_CHAIN_WATCH_H_

#include <map>
#include <memory>
#include <string>

#include "env/env.h"
#include "metastore/metastore.h"
#include "virtuallog/chain.h"

namespace vlog::testing {

// OK if `after` may follow `before`: one segment more, or fewer in front, another intent, or
// another home of one sealed segment. Else old segments stay as they are, a new index was never
// used, and a planned swap that counts is what happens, unless the new segment says why not.
Status CheckChainStep(const virtuallog::Chain& before, const virtuallog::Chain& after,
                      WallTime now);

// A register in front of another one that watches every accepted write. Keeps the first violation.
class WatchedMetastore final : public metastore::Metastore {
 public:
  WatchedMetastore(env::Env& env, metastore::Metastore& inner) : env_(env), inner_(inner) {}

  Task<StatusOr<metastore::Versioned>> Read(std::string log) override { return inner_.Read(log); }
  Task<StatusOr<Version>> Write(std::string log, std::string value, Version expected) override;
  Task<StatusOr<Version>> AwaitChange(std::string log, Version known, Instant deadline) override {
    return inner_.AwaitChange(std::move(log), known, deadline);
  }
  Task<StatusOr<std::vector<std::string>>> List() override { return inner_.List(); }

  const Status& violation() const { return violation_; }
  // The chain that was written last; null if there is none.
  const virtuallog::Chain* chain(const std::string& log) const {
    auto it = chains_.find(log);
    return it == chains_.end() ? nullptr : &it->second;
  }

 private:
  env::Env& env_;
  metastore::Metastore& inner_;
  std::map<std::string, virtuallog::Chain> chains_;
  Status violation_;
};

}  // namespace vlog::testing

#endif  // VLOG_TESTING_CHAIN_WATCH_H_
