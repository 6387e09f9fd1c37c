namespace vlog::async {

Task<Status> Send(Peer& peer) {
  co_await peer.Call([&] { return 1; });                         // BAD
  auto x = Apply(co_await peer.Get(), [p = Copy()]() mutable {   // BAD
    return p;
  });
  if (co_await peer.Find([](int i) { return i > 0; })) {         // BAD
    co_return Status();
  }
  co_return co_await peer.Call(1, [] { return 2; });             // BAD
}

void Start(Executor ex, Peer& peer) {
  boost::asio::co_spawn(ex, [&]() -> Task<void> {                // BAD
    co_await Send(peer);
  }, Rethrow());
  boost::asio::co_spawn(
      ex, Send(peer),
      [](std::exception_ptr error) { Check(error); });           // BAD
}

}  // namespace vlog::async
