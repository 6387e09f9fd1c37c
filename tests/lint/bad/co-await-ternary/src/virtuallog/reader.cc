namespace vlog::virtuallog {

Task<Status> Read(Peer& peer, bool a) {
  auto x = a ? co_await peer.F() : co_await peer.G();   // BAD
  co_await peer.Send(a ? Request(1) : Request(2));      // BAD
  while (co_await peer.Send(a ? 1 : 2)) {               // BAD
    Use(x);
  }
  co_return co_await peer.F()
      ? Status()                                        // BAD
      : Failed();
}

}  // namespace vlog::virtuallog
