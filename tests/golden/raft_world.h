// The commands of the golden Raft scenarios; the files are in tests/golden/raft/.
//
// Messages wait on their way until a command moves them; what a replica writes is durable at once,
// unless its disk is slow. Replicas are called 1, 2, 3.
//
//   replicas N          begin with N replicas that know nothing
//   campaign N          a client asks N to lead a new loglet
//   timeout N           N's election timer runs out
//   run                 everything on its way arrives, until nothing is left; no time passes
//   wait MS             the same with MS milliseconds of time
//   pass MS             MS milliseconds of time in which nothing arrives
//   deliver A B         what is on its way from A to B arrives
//   first A B           the first of it
//   lose A B            what is on its way from A to B is lost
//   double A B          a copy of what is on its way from A to B is kept back, until `late A B`
//   cut A B / join A B  from now on nothing gets from A to B, or from B to A / it does again
//   slow N / quick N    what N writes does not become durable / does, at once
//   crash N / start N   with what was not durable lost
//   damage N            N's journal loses something while N is down
//   append N w0 ..      a client appends records to N, each a batch: w0 is record 0 of writer w
//   tail N / seal N     a client asks N for the tail / to seal
//   trim N OFFSET       a client trims N
//   show                how the replicas stand, with their logs: index/term of what entry
#ifndef VLOG_TESTS_GOLDEN_RAFT_WORLD_H_
#define VLOG_TESTS_GOLDEN_RAFT_WORLD_H_

#include "golden/golden.h"

namespace vlog::golden {

std::unique_ptr<World> NewRaftWorld();

}  // namespace vlog::golden

#endif  // VLOG_TESTS_GOLDEN_RAFT_WORLD_H_
