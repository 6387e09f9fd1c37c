// TODO: later. BAD
int f();  // FIXME(me) BAD
