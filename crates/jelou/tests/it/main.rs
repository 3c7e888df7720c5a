//! Tests of the real binary, what a person or a program sees of it.
