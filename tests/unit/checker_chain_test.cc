// For each rule about the chain a tiny history that keeps it and one that breaks it.

#include <catch2/catch.hpp>
#include <string>

#include "checker_history.h"

namespace vlog::checker {
namespace {

using H = HistoryText;

// Four records at 0 to 3.
H Four() { return H().Append(1, R"(["a","b","c","d"])", 0); }

std::string Two(int base) { return Segment(0, 0) + "," + Segment(1, base); }

TEST_CASE("Checker: a chain grows by whole versions") {
  CHECK(Judge(Four().Chain(2, 1, Segment(0, 0)).Chain(3, 2, Two(3)).Chain(4, 1, Segment(0, 0))) ==
        "");
  CHECK(Judge(Four().Chain(2, 5, Two(3)).Chain(3, 9, Two(3) + "," + Segment(2, 4))) == "");
}

TEST_CASE("Checker: one version has one content") {
  CHECK(Judge(Four().Chain(2, 2, Two(3)).Chain(3, 2, Two(4))) == violation::kTwoContents);
  H kinds = Four().Chain(2, 1, Segment(0, 0, "raft")).Chain(3, 1, Segment(0, 0, "paxos"));
  CHECK(Judge(kinds) == violation::kTwoContents);
}

TEST_CASE("Checker: one version has one winner") {
  auto won = [](int version, const std::string& proposal) {
    return "{\"version\":" + std::to_string(version) + ",\"proposal\":\"" + proposal + "\"}";
  };
  H start = H().Invoke(1, "reconfigure").Invoke(2, "reconfigure").Ok(1, "reconfigure", won(2, "p"));
  CHECK(Judge(H(start).Ok(2, "reconfigure", won(3, "q"))) == "");
  CHECK(Judge(H(start).Ok(2, "reconfigure", won(2, "p"))) == "");
  CHECK(Judge(H(start).Ok(2, "reconfigure", won(2, "q"))) == violation::kTwoWinners);
}

TEST_CASE("Checker: segments adjoin and only the last is open") {
  const std::string closed = R"({"index":0,"base":0,"end":3,"kind":"raft"})";
  CHECK(Judge(Four().Chain(2, 1, closed + "," + Segment(1, 3))) == "");
  CHECK(Judge(Four().Chain(2, 1, closed + "," + Segment(1, 4))) == violation::kChainHole);
  CHECK(Judge(Four().Chain(2, 1, closed + "," + Segment(1, 2))) == violation::kChainHole);
  CHECK(Judge(Four().Chain(2, 1, Segment(0, 3) + "," + Segment(1, 2))) == violation::kChainHole);
  CHECK(Judge(Four().Chain(2, 1, closed)) == violation::kChainOpen);
  CHECK(Judge(Four().Chain(2, 1, closed, R"("ended":true)")) == "");
  CHECK(Judge(Four().Chain(2, 1, Segment(0, 0), R"("ended":true)")) == violation::kChainOpen);
  CHECK(Judge(Four().Chain(2, 1, Segment(1, 0) + "," + Segment(1, 3))) == violation::kChainIndex);
  CHECK(Judge(Four().Chain(2, 2, Two(3)).Chain(3, 3, Segment(0, 0))) == violation::kChainIndex);
}

TEST_CASE("Checker: old segments are immutable") {
  CHECK(Judge(Four().Chain(2, 2, Two(2)).Chain(3, 3, Two(3))) == violation::kChainChanged);
  CHECK(Judge(Four().Chain(2, 1, Segment(1, 0)).Chain(3, 2, Segment(1, 3))) ==
        violation::kChainChanged);
  H late = Four().Chain(2, 3, Two(3)).Chain(3, 2, Two(2));
  CHECK(Judge(late) == violation::kChainChanged);
  H gone = Four()
               .Chain(2, 2, Two(2) + "," + Segment(2, 3))
               .Chain(3, 3, Segment(0, 0) + "," + Segment(2, 3));
  CHECK(Judge(gone) == violation::kChainChanged);
  H new_old = Four()
                  .Chain(2, 2, Segment(0, 0) + "," + Segment(2, 3))
                  .Chain(3, 3, Two(2) + "," + Segment(2, 3));
  CHECK(Judge(new_old) == violation::kChainChanged);
  // A closed segment may be re-homed to another kind, an open one may not.
  H modify = Four().Chain(2, 2, Two(3)).Chain(3, 3, Segment(0, 0, "archive") + "," + Segment(1, 3));
  CHECK(Judge(modify) == "");
  H open = Four().Chain(2, 2, Two(3)).Chain(3, 3, Segment(0, 0) + "," + Segment(1, 3, "paxos"));
  CHECK(Judge(open) == violation::kChainChanged);
}

TEST_CASE("Checker: an ended log stays ended") {
  const std::string closed = R"({"index":0,"base":0,"end":3,"kind":"raft"})";
  H ended = Four().Chain(2, 1, closed, R"("ended":true)");
  CHECK(Judge(H(ended).Chain(3, 2, closed, R"("ended":true)")) == "");
  CHECK(Judge(H(ended).Chain(3, 2, Two(3))) == violation::kChainEnded);
  CHECK(Judge(H(ended).Chain(3, 2, Segment(0, 0))) == violation::kChainEnded);
}

TEST_CASE("Checker: the chain is trimmed from the front and never comes back") {
  H trimmed = Four().Chain(2, 2, Two(2)).Trim(3, 3, 3);
  CHECK(Judge(H(trimmed).Chain(4, 3, Segment(1, 2), R"("trim_point":3)")) == "");
  CHECK(Judge(H(trimmed).Chain(4, 3, Segment(1, 2), R"("trim_point":1)")) == violation::kChainHole);
  CHECK(Judge(H(trimmed).Chain(4, 3, Segment(1, 2), R"("trim_point":4)")) ==
        violation::kTrimInvented);
  CHECK(Judge(Four().Chain(2, 2, Two(2)).Chain(4, 3, Segment(1, 2))) == violation::kTrimInvented);
  H back =
      H(trimmed).Chain(4, 3, Two(2), R"("trim_point":3)").Chain(5, 4, Two(2), R"("trim_point":2)");
  CHECK(Judge(back) == violation::kTrimBack);
}

TEST_CASE("Checker: the version that one handle uses never falls") {
  const std::string handle = R"("sess":"r")";
  H start = Four().Chain(2, 2, Two(2), "", handle);
  CHECK(Judge(H(start).Chain(3, 1, Segment(0, 0))) == "");
  CHECK(Judge(H(start).Chain(3, 1, Segment(0, 0), "", handle)) == violation::kChainBack);
  H append = H(start).Append(4, R"("e")", 4, R"("chainver":1)", handle);
  CHECK(Judge(append) == violation::kChainBack);
}

TEST_CASE("Checker: a base lies at or below the tail") {
  CHECK(Judge(Four().Chain(2, 2, Two(4))) == "");
  CHECK(Judge(Four().Chain(2, 2, Two(5))) == violation::kChainAhead);
  // All below a base is decided, so a later tail check or append cannot be below it.
  H open = H().Invoke(1, "append", R"("a")").Chain(2, 2, Two(1));
  CHECK(Judge(H(open).Tail(3, 0)) == violation::kTailBack);
  CHECK(Judge(H(open).Append(3, R"("b")", 0)) == violation::kSealedGrew);
}

TEST_CASE("Checker: a sealed segment never grows") {
  H two = H().Append(1, R"(["a","b"])", 0, R"("loglet":0)");
  H open = H(two).Invoke(2, "append", R"("c")");
  CHECK(Judge(H(open).Ok(2, "append", "2", R"("loglet":0)").Chain(3, 2, Two(3))) == "");
  CHECK(Judge(H(open).Ok(2, "append", "2", R"("loglet":1)").Chain(3, 2, Two(2))) == "");
  // The acknowledgement comes before or after the chain that fixes the end.
  CHECK(Judge(H(open).Ok(2, "append", "2", R"("loglet":0)").Chain(3, 2, Two(2))) ==
        violation::kSealedGrew);
  CHECK(Judge(H(open).Chain(3, 2, Two(2)).Ok(2, "append", "2", R"("loglet":0)")) ==
        violation::kSealedGrew);
  // A batch must end inside as well.
  CHECK(Judge(H(two).Chain(3, 2, Two(1))) == violation::kSealedGrew);
  CHECK(Judge(H(open).Chain(3, 2, Two(2)).Ok(2, "append", "2", R"("loglet":1)")) == "");
}

TEST_CASE("Checker: an append lies above the base of its segment") {
  H open = H().Append(1, R"("a")", 0)
               .Invoke(2, "append", R"("b")")
               .Invoke(3, "append", R"("c")")
               .Ok(2, "append", "1", R"("loglet":1)");
  CHECK(Judge(H(open).Chain(4, 2, Two(1))) == "");
  CHECK(Judge(H(open).Ok(3, "append", "2").Chain(4, 2, Two(2))) == violation::kOutsideSegment);
}

TEST_CASE("Checker: an empty segment is replaced at its base and takes no appends") {
  H replaced = Four().Chain(2, 2, Two(4)).Chain(3, 3, Segment(0, 0) + "," + Segment(2, 4));
  CHECK(Judge(replaced) == "");
  CHECK(Judge(H(replaced).Append(4, R"("e")", 4, R"("loglet":2)")) == "");
  CHECK(Judge(H(replaced).Append(4, R"("e")", 4, R"("loglet":1)")) == violation::kSealedGrew);
  // The same where the replaced segment was never seen in a chain.
  H unseen = Four().Chain(3, 3, Segment(0, 0) + "," + Segment(2, 4));
  CHECK(Judge(H(unseen).Append(4, R"("e")", 4, R"("loglet":1)")) == violation::kSealedGrew);
  H before = Four()
                 .Append(4, R"("e")", 4, R"("loglet":1)")
                 .Chain(3, 3, Segment(0, 0) + "," + Segment(2, 4));
  CHECK(Judge(before) == violation::kSealedGrew);
  H moved = Four().Chain(2, 2, Two(3)).Chain(3, 3, Segment(0, 0) + "," + Segment(2, 4));
  CHECK(Judge(moved) == violation::kChainChanged);
  // A segment that was dropped at the front ended at the new front or below.
  H front = Four().Chain(2, 1, Segment(0, 0)).Trim(3, 3, 3).Chain(4, 4, Segment(2, 3));
  CHECK(Judge(front) == "");
  CHECK(Judge(H(front).Append(5, R"("e")", 4, R"("loglet":0)")) == violation::kSealedGrew);
}

}  // namespace
}  // namespace vlog::checker
