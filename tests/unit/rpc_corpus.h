// Good frames of every type, and every decoder that meets bytes of a peer. Shared by the mutation
// test and the fuzz target.
#ifndef TESTS_UNIT_RPC_CORPUS_H_
#define TESTS_UNIT_RPC_CORPUS_H_

#include <string>
#include <string_view>
#include <vector>

namespace vlog::testing {

// The frame that a client of cluster 77 sends first.
std::string RpcHello();
std::vector<std::string> RpcCorpus();
// Feeds `bytes` to all of them, as a connection would. True if they begin with a whole, valid
// frame.
bool DecodeEverything(std::string_view bytes);

}  // namespace vlog::testing

#endif  // TESTS_UNIT_RPC_CORPUS_H_
