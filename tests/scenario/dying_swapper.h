// A client that swaps the last segment of a log and stops for good at a chosen step of that
// (DESIGN 5.1), so that a test can let its process die exactly there.
#ifndef VLOG_TESTS_SCENARIO_DYING_SWAPPER_H_
#define VLOG_TESTS_SCENARIO_DYING_SWAPPER_H_

#include <memory>
#include <string>

#include "scenario/cluster_scene.h"

namespace vlog::testing {

enum class SwapStep {
  kBeforeIntent,  // the plan is made, and nobody has heard of it
  kIntentSent,    // it is on its way into the chain; the answer is not seen
  kIntent,        // it stands in the chain
  kPrepared,      // the successor has answered Prepare
  kSealed,        // the segment is sealed
  kChainSent,     // the longer chain is on its way; the answer is not seen
};
const char* ToString(SwapStep step);

// Where a swapper stops, and whether it has come there.
struct SwapStop {
  SwapStep at;
  bool reached = false;
};

// Swaps the log of `client` to `kind` on another handle, whose metastore and loglets never let it
// go beyond the step. With kIntentSent and kChainSent the message goes on; only its answer is kept
// back. Goes before the client does, after its crash.
class DyingSwapper {
 public:
  DyingSwapper(ClusterScene& scene, SceneClient& client, SwapStep at, std::string kind);
  ~DyingSwapper();

  // Whether it is at the step, that is what it was to do before is done.
  bool reached() const { return stop_->reached; }
  // What the swap has come to, if it was not stopped.
  const Outcome<Status>& swapped() const { return swapped_; }

 private:
  Task<Status> Swap(std::string kind);

  SceneClient& client_;
  std::shared_ptr<SwapStop> stop_;
  std::unique_ptr<metastore::Metastore> store_;
  loglets::LogletFactory factory_;
  std::unique_ptr<virtuallog::SharedLog> log_;
  Outcome<Status> swapped_;
};

}  // namespace vlog::testing

#endif  // VLOG_TESTS_SCENARIO_DYING_SWAPPER_H_
