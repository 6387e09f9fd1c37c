// The contract of a loglet (loglets/loglet.h) as cases that every kind must pass, in every world.
#ifndef VLOG_TESTS_CONTRACT_LOGLET_SUITE_H_
#define VLOG_TESTS_CONTRACT_LOGLET_SUITE_H_

#include <functional>
#include <memory>
#include <string>

#include "loglets/factory.h"
#include "testing/contract_world.h"

namespace vlog::testing {

// How a kind is set up in one process; called again after a restart. Whatever the kind needs below
// it (a journal, say) is kept alive by the returned object.
struct LogletProcess {
  virtual ~LogletProcess() = default;
  virtual loglets::LogletKind& kind() = 0;
};
using StartLoglets = std::function<std::unique_ptr<LogletProcess>(ContractWorld&)>;

// Runs every case, each in a world of its own, and prints kind x case.
void RunLogletSuite(const std::string& kind, const StartLoglets& start,
                    const std::function<std::unique_ptr<ContractWorld>()>& new_world);

}  // namespace vlog::testing

#endif  // VLOG_TESTS_CONTRACT_LOGLET_SUITE_H_
