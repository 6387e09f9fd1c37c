void X::F(const X& other) {
  for (auto& [key, value] : table_) Use(key);             // BAD
  for (int i : other.set_) Use(i);                        // BAD
  for (const auto& entry : this->index_) {                // BAD
    Use(entry);
  }
  std::unordered_map<int, int> local = Make();
  for (const auto& [a, b] : local) Use(a);                // BAD
  for (auto it = table_.begin(); it != table_.end(); ++it) Use(*it);  // BAD
  absl::flat_hash_set<int>* pointer = &other;
  for (int i : (*pointer)) Use(i);                        // BAD
}
