#ifndef VLOG_VIRTUALLOG_READER_H_
#define VLOG_VIRTUALLOG_READER_H_

namespace vlog::virtuallog {

class Reader {
 public:
  virtual Task<Status> A(const Options& options) = 0;              // BAD
  Task<StatusOr<std::vector<int>>> B(int a, std::string&& text);   // BAD
  Task<void> C(std::string_view text);                             // BAD
  Task<void> D(std::span<const std::byte> bytes);                  // BAD
  Task<void> E(absl::string_view text, absl::Span<int> s);         // BAD
  Task<void> F(int a,
               Options const& options = {},                        // BAD
               int b = 2);
  template <typename T>
  boost::asio::awaitable<void> G(T&&... values);                   // BAD
  auto H(const std::map<int, int>& m) -> Task<void>;               // BAD
  Task<void> operator()(const Options& options) const;             // BAD
  Task<void> I(std::vector<std::string_view> names);               // BAD
  async::Task<std::pair<int, int>> J(
      const std::function<void(int)>& f);                          // BAD
};

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_READER_H_
