a = 1  # lint: allow(no-leftover-word): there is none. BAD
