// vlog chain: which segment holds which range of the log, since when, by whom and why.
#include <cstdint>

#include "chain_text.h"
#include "commands.h"
#include "exit_code.h"

namespace vlog::cli {

Task<int> ShowChain(Shell& shell, bool json) {
  StatusOr<virtuallog::SharedLog*> log = co_await shell.OpenLog(Shell::Access::kRead);
  if (!log.ok()) co_return Fail(log.status());
  StatusOr<ChainState> state = co_await ReadChainState(**log);
  if (!state.ok()) co_return Fail(state.status());
  if (json) {
    shell.out().Line(ChainJson(*state));
  } else {
    shell.out().Write(ChainTable(*state, SIZE_MAX));
  }
  co_return kDone;
}

}  // namespace vlog::cli
