//! A shop that does not exist, with known truth: for the demo, for tests, for trying a policy
//! before it costs money.
