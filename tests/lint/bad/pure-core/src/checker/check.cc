int F() { return clock->Now(); }  // BAD
