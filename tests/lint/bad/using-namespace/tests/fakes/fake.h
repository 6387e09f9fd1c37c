namespace vlog { using namespace absl; }  // BAD
