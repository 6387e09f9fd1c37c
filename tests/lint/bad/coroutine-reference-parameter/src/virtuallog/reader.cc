namespace vlog::virtuallog {

Task<Status> Reader::A(const Options& options) {          // BAD
  auto f = [](const Options& o) -> Task<void> {           // BAD
    co_return;
  };
  co_return Status();
}

}  // namespace vlog::virtuallog
