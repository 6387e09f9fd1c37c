#ifndef VLOG_VIRTUALLOG_CHAIN_H_
#define VLOG_VIRTUALLOG_CHAIN_H_

class Chain {
  Task<void> Refresh();  // BAD
};

#endif  // VLOG_VIRTUALLOG_CHAIN_H_
