// The commands of the golden Paxos scenarios; the files are in tests/golden/paxos/.
//
// Messages wait on their way until a command moves them; what a replica writes is durable at once,
// unless its disk is slow. Replicas are called 1, 2, 3.
//
//   replicas ROLES [W]  begin; a letter a replica: b both, a acceptor only, l proposer and learner
//   lead N              after a silence: N begins a ballot at once
//   run                 everything on its way arrives, until nothing is left; no time passes
//   wait MS             the same with MS milliseconds of time
//   pass MS             MS milliseconds of time in which nothing arrives
//   deliver A B         what is on its way from A to B arrives
//   first A B           the first of it
//   lose A B            what is on its way from A to B is lost
//   drop A B            the first of it is lost
//   cut A B / join A B  from now on nothing gets from A to B, or from B to A / it does again
//   slow N / quick N    what N writes does not become durable / does, at once
//   crash N / start N   with what was not durable lost
//   damage N            N's journal loses something while N is down
//   append N w0 ..      a client appends records to N, each a batch: w0 is record 0 of writer w
//   tail N / seal N     a client asks N for the tail / to seal
//   trim N OFFSET       a client trims N
//   show                how the replicas stand, with what they accepted above the chosen prefix
#ifndef VLOG_TESTS_GOLDEN_PAXOS_WORLD_H_
#define VLOG_TESTS_GOLDEN_PAXOS_WORLD_H_

#include "golden/golden.h"

namespace vlog::golden {

std::unique_ptr<World> NewPaxosWorld();

}  // namespace vlog::golden

#endif  // VLOG_TESTS_GOLDEN_PAXOS_WORLD_H_
