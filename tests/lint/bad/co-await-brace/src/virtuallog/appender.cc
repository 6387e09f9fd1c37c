namespace vlog::virtuallog {

Task<Status> Send(Peer& peer) {
  co_await peer.Send({.a = 1});                      // BAD
  co_await peer.Send(Request{1, 2});                 // BAD
  co_await F({a, b});                                // BAD
  co_await F(Options{});                             // BAD
  co_await F(std::vector<int>{1, 2});                // BAD
  auto r = Combine(co_await F(1), Request{2});       // BAD
  Pair p{co_await F(1), 2};                          // BAD
  Pair q = {1, co_await F(2)};                       // BAD
  if (auto s = co_await peer.Send({1}); !s.ok()) {   // BAD
    co_return s;
  }
  for (auto x : co_await List({1, 2})) Use(x);       // BAD
  if (ready) co_await F({3});                        // BAD
  co_await F(
      1,
      Request{                                       // BAD
          .a = 1,
          .b = 2,
      });
  auto go = [&]() -> Task<void> { co_await F({1}); };  // BAD
  co_return Reply{co_await F(1)};                    // BAD
}

}  // namespace vlog::virtuallog
