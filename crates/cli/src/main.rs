//! The `cognate` command.
fn main() {}
