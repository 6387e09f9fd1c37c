// The client's half of the sequencer kind (DESIGN 6.2): log servers on N nodes, and one sequencer.
#ifndef VLOG_LOGLETS_SEQUENCER_SEQUENCER_KIND_H_
#define VLOG_LOGLETS_SEQUENCER_SEQUENCER_KIND_H_

#include <memory>
#include <vector>

#include "env/env.h"
#include "loglets/factory.h"
#include "loglets/sequencer/loglet_client.h"
#include "loglets/sequencer/rehome_run.h"
#include "rpc/peers.h"

namespace vlog::loglets {

inline constexpr char kSequencerKind[] = "sequencer";

struct SequencerKindOptions {
  // Where a loglet lives if neither a wish nor its predecessor says so.
  std::vector<NodeId> nodes;
  // Which of them may hold copies that they do not hold yet; null: all.
  NodesInService in_service = {};
  sequencer::ClientTiming timing;
  // How long ProposeParams() waits for nodes that are silent.
  Duration census = std::chrono::milliseconds(500);
  // The same once as many have answered as a successor needs: a fail-over waits for nobody longer.
  Duration stragglers = std::chrono::milliseconds(50);
  Duration prepare = std::chrono::seconds(2);
  sequencer::RehomeTiming rehome = {};
};

// Env and peers outlive the kind and every loglet that it opened.
//
// ProposeParams: copies live on the wished nodes, else on the policy's candidates and where the
// predecessor's do, silent nodes replaced by others that answer, and filled up to as many as the
// policy says, else as the predecessor has or three, if the cluster has so many; without a
// predecessor, on all nodes that answer. A silent one stays if nobody can replace it and the
// predecessor tells its disk. The write quorum is the wish, else the policy's, else the
// predecessor's, or the majority of more copies than that has; it never shrinks because some are
// silent, but to the policy's least copies if it names them. The sequencer is the wished one, else
// the predecessor's, else the first copy's, of those that reach a write quorum themselves. Drop:
// does nothing; nodes delete by what the chain says (KindHost::Drop).
std::unique_ptr<LogletKind> NewSequencerKind(env::Env& env, rpc::Peers& peers,
                                             SequencerKindOptions options = {});

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_SEQUENCER_SEQUENCER_KIND_H_
