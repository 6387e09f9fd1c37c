// lint: allow(layer): there is nothing to silence here. BAD
int a;  // lint: allow(no-such-rule): BAD
int b;  /* BAD */  // lint: allow(layer)
int c;  /* BAD */  // lint: allow(layer):
