#ifndef VLOG_VIRTUALLOG_X_H_
#define VLOG_VIRTUALLOG_X_H_

struct X {
  absl::flat_hash_map<int, std::vector<std::pair<int, int>>> table_;
  std::unordered_set<int> set_;
  using Index = absl::node_hash_map<int, int>;
  Index index_;
  absl::flat_hash_set<int>& Others();
};

#endif  // VLOG_VIRTUALLOG_X_H_
