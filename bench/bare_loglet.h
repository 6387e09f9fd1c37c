// A loglet of the local kind without a virtual log: what an application would have to write around
// it to append single records.
#ifndef VLOG_BENCH_BARE_LOGLET_H_
#define VLOG_BENCH_BARE_LOGLET_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "base/batch.h"
#include "env/env.h"
#include "loglets/factory.h"
#include "loglets/loglet.h"
#include "storage/journal.h"

namespace vlog::bench {

// Forms batches as the virtual log's append handle does: a window of batches under way, what
// arrives meanwhile shares the next one, each record has a completion of its own. It knows nothing
// of chains, of swaps, of the outcome "unknown".
class BareLoglet {
 public:
  using Done = absl::AnyInvocable<void(StatusOr<Offset>)>;

  static Task<StatusOr<std::unique_ptr<BareLoglet>>> Open(boost::asio::any_io_executor executor,
                                                          std::string path);
  async::Scheduler& scheduler() const { return env_->scheduler(); }
  const storage::JournalStats& stats() const { return journal_->stats(); }

  void Append(std::string_view payload, Done done);
  Task<StatusOr<Offset>> Append(std::string payload);
  // Nothing is under way any more.
  Task<Status> Close();

 private:
  explicit BareLoglet(std::unique_ptr<env::Env> env) : env_(std::move(env)) {}
  void PumpSoon();
  void Pump();
  void Finish(std::vector<Done> done, StatusOr<Offset> result);

  std::unique_ptr<env::Env> env_;
  std::unique_ptr<storage::Journal> journal_;
  std::unique_ptr<loglets::LogletKind> kind_;
  std::shared_ptr<loglets::Loglet> loglet_;
  WriterId writer_;
  SeqNo next_;
  std::optional<SeqNo> last_sent_;
  std::optional<BatchBuilder> forming_;
  std::vector<Done> forming_done_;
  size_t in_flight_ = 0;
  bool pump_posted_ = false;
};

}  // namespace vlog::bench

#endif  // VLOG_BENCH_BARE_LOGLET_H_
